"""The models of the example zoo."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from convnet import ConvNet

SEED = 1


class BlockMean(TransformerMixin, BaseEstimator):
    """The mean of each block of size x size pixels; the blocks tile the 8x8 image."""

    def __init__(self, size):
        self.size = size

    def fit(self, x, y=None):
        return self

    def transform(self, x):
        k = 8 // self.size
        return x.reshape(-1, k, self.size, k, self.size).mean(axis=(2, 4)).reshape(-1, k * k)


class Prototypes(ClassifierMixin, BaseEstimator):
    """A few k-means centres per class; the softmax of the nearest distance of each class.

    The classes' distances are scaled by the mean distance within the training set's clusters.
    """

    def __init__(self, each):
        self.each = each

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        fits = [KMeans(self.each, n_init=4, random_state=SEED).fit(x[y == c]) for c in self.classes_]
        self.centres_ = np.stack([f.cluster_centers_ for f in fits])
        self.scale_ = sum(f.inertia_ for f in fits) / len(x) / 4
        return self

    def predict_proba(self, x):
        squares = ((x[:, None, None, :] - self.centres_) ** 2).sum(axis=3).min(axis=2)
        e = np.exp((squares.min(axis=1, keepdims=True) - squares) / self.scale_)
        return e / e.sum(axis=1, keepdims=True)


def pixels(k):
    return SelectKBest(k=k)


def logistic(c=3.0):
    return LogisticRegression(C=c, max_iter=2000)


def mlp(*hidden, alpha=1e-3, rate=3e-3, epochs=60):
    return MLPClassifier(hidden, alpha=alpha, learning_rate_init=rate, max_iter=epochs, random_state=SEED)


def calibrated(model):
    return CalibratedClassifierCV(model, method="sigmoid", ensemble=False, cv=5)


def forest(kind, trees, **options):
    return kind(trees, random_state=SEED, **options)


def tree(depth, leaf=4):
    return DecisionTreeClassifier(max_depth=depth, min_samples_leaf=leaf, random_state=SEED)


def boosting(rounds, depth):
    return GradientBoostingClassifier(
        n_estimators=rounds, max_depth=depth, learning_rate=0.2, subsample=0.7, max_features=16, random_state=SEED
    )


def catalogue():
    """Every model of the zoo: name, family, what it is, and the unfitted model."""
    rf, et = RandomForestClassifier, ExtraTreesClassifier
    return [
        ("tree_4", "tree", "decision tree of depth 4", tree(4)),
        ("tree_6", "tree", "decision tree of depth 6", tree(6)),
        ("tree_10", "tree", "decision tree of depth 10", tree(10, leaf=2)),
        ("logreg_4px", "linear", "logistic regression on 4 pixels", make_pipeline(pixels(4), logistic())),
        ("logreg_8px", "linear", "logistic regression on 8 pixels", make_pipeline(pixels(8), logistic())),
        ("logreg_16px", "linear", "logistic regression on 16 pixels", make_pipeline(pixels(16), logistic())),
        ("logreg_32px", "linear", "logistic regression on 32 pixels", make_pipeline(pixels(32), logistic())),
        ("logreg_pool2", "linear", "logistic regression on 2x2 means", make_pipeline(BlockMean(2), logistic(10.0))),
        ("logreg", "linear", "logistic regression on all pixels", logistic(1.0)),
        ("lda", "linear", "linear discriminant analysis, shrunk", LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.05)),
        ("linear_svm", "linear", "linear SVM, calibrated", calibrated(LinearSVC(C=0.3, random_state=SEED))),
        ("bernoulli_nb", "bayes", "naive Bayes on black and white pixels", BernoulliNB(alpha=0.5, binarize=0.5)),
        ("gaussian_nb", "bayes", "naive Bayes with normal densities", GaussianNB(var_smoothing=0.03)),
        ("qda_pool2", "bayes", "quadratic discriminant on 2x2 means", make_pipeline(BlockMean(2), QuadraticDiscriminantAnalysis(reg_param=0.02))),
        ("qda", "bayes", "quadratic discriminant on all pixels", QuadraticDiscriminantAnalysis(reg_param=0.03)),
        ("centroid_1", "prototype", "nearest class mean", Prototypes(1)),
        ("centroid_5", "prototype", "nearest of 5 centres a class", Prototypes(5)),
        ("centroid_20", "prototype", "nearest of 20 centres a class", Prototypes(20)),
        ("knn_pca12", "neighbours", "5 nearest neighbours on 12 principal components", make_pipeline(PCA(12, random_state=SEED), KNeighborsClassifier(5, weights="distance", algorithm="brute"))),
        ("knn", "neighbours", "5 nearest neighbours", KNeighborsClassifier(5, weights="distance", algorithm="brute")),
        ("extra_trees_5", "forest", "5 extremely random trees of depth 8", forest(et, 5, max_depth=8)),
        ("extra_trees_20", "forest", "20 extremely random trees of depth 10", forest(et, 20, max_depth=10)),
        ("extra_trees_100", "forest", "100 extremely random trees", forest(et, 100)),
        ("extra_trees_400", "forest", "400 extremely random trees", forest(et, 400)),
        ("random_forest_10", "forest", "random forest of 10 trees of depth 8", forest(rf, 10, max_depth=8)),
        ("random_forest_100", "forest", "random forest of 100 trees", forest(rf, 100)),
        ("boosting_10", "boosting", "10 rounds of gradient boosting, depth 3", boosting(10, 3)),
        ("boosting_100", "boosting", "100 rounds of gradient boosting, depth 3", boosting(100, 3)),
        ("mlp_4", "mlp", "4 hidden units", mlp(4)),
        ("mlp_8", "mlp", "8 hidden units", mlp(8)),
        ("mlp_16", "mlp", "16 hidden units", mlp(16)),
        ("mlp_64", "mlp", "64 hidden units", mlp(64)),
        ("mlp_256", "mlp", "two hidden layers of 256", mlp(256, 256, alpha=1e-2)),
        ("mlp_512", "mlp", "two hidden layers of 512", mlp(512, 512, alpha=1e-2, rate=1e-3, epochs=30)),
        ("svm_pool2", "svm", "RBF SVM on 2x2 means, calibrated", make_pipeline(BlockMean(2), calibrated(SVC(C=10, gamma=2.0)))),
        ("svm_poly", "svm", "SVM with a cubic kernel, calibrated", calibrated(SVC(C=10, kernel="poly", degree=3, gamma=0.1, coef0=0.5))),
        ("svm_rbf", "svm", "RBF SVM, calibrated", calibrated(SVC(C=10, gamma=0.3))),
        ("gaussian_process", "gp", "Gaussian process, one against the rest", GaussianProcessClassifier(ConstantKernel(30.0) * RBF(1.5), optimizer=None, random_state=SEED)),
        ("conv_4", "conv", "stride-2 convolution, 4 channels", ConvNet([(4, 2), "pool"], seed=SEED)),
        ("conv_8", "conv", "stride-2 convolution, 8 channels", ConvNet([(8, 2)], seed=SEED)),
        ("conv_8_16", "conv", "2 convolutions, 8 and 16 channels", ConvNet([8, "pool", 16, "pool"], seed=SEED)),
        ("conv_16_32", "conv", "2 convolutions, 16 and 32 channels", ConvNet([16, "pool", 32, "pool"], dropout=0.2, seed=SEED)),
        ("conv_32_64", "conv", "4 convolutions, 32 and 64 channels", ConvNet([32, 32, "pool", 64, 64, "pool"], hidden=128, dropout=0.3, seed=SEED)),
        ("conv_64_128", "conv", "6 convolutions, 64 and 128 channels", ConvNet([64, 64, 64, "pool", 128, 128, 128, "pool"], hidden=256, dropout=0.4, epochs=24, seed=SEED)),
    ]
