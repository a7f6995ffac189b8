package inference

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/encas-zoo/encas-zoo/bundle"
	"github.com/encas-zoo/encas-zoo/serve"
)

// metrics are those of a server and of its engine.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(b *bundle.Bundle, e *serve.Engine, model string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "encas_requests_total", Help: "Requests answered, by HTTP status."}, []string{"code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "encas_request_seconds", Help: "Time from the head of a request to its answer.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}, []string{"code"}),
	}
	m.registry.MustRegister(m.requests, m.seconds, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newStageMetrics(b, e))
	return m
}

// observe counts the requests that a handler answers.
func (m *metrics) observe(f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		f(s, r)
		code := strconv.Itoa(s.status)
		m.requests.WithLabelValues(code).Inc()
		m.seconds.WithLabelValues(code).Observe(time.Since(begin).Seconds())
	}
}

// statusWriter remembers the status of a response.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// stageMetrics reads the tally of an engine whenever metrics are asked for.
type stageMetrics struct {
	bundle *bundle.Bundle
	engine *serve.Engine

	waiting, images, exits, seconds, batches, confidence, reach, promisedReach, promisedConfidence, drift *prometheus.Desc
}

func newStageMetrics(b *bundle.Bundle, e *serve.Engine) *stageMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("encas_"+name, help, labels, nil)
	}
	stage := []string{"stage", "model"}
	return &stageMetrics{
		bundle: b, engine: e,
		waiting:            desc("waiting_images", "Images that have not run the first stage."),
		images:             desc("stage_images_total", "Images that a stage's model ran on.", stage...),
		exits:              desc("stage_exits_total", "Images that a stage answered.", stage...),
		seconds:            desc("stage_seconds_total", "Time that a stage's model took.", stage...),
		batches:            desc("stage_batch_size", "Images in a batch.", stage...),
		confidence:         desc("stage_confidence", "Confidences of the images that reach a stage.", stage...),
		reach:              desc("reach", "Share of the last images that reach a stage.", stage...),
		promisedReach:      desc("promised_reach", "Share of the images that the bundle promises to reach a stage.", stage...),
		promisedConfidence: desc("promised_confidence", "Confidences at a stage of the samples of the bundle's promise.", stage...),
		drift:              desc("drift_p", "Least p-value, corrected, of the tests whether the last images are like those of the promise."),
	}
}

// Describe tells the metrics.
func (m *stageMetrics) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, to) }

// Collect reads them.
func (m *stageMetrics) Collect(to chan<- prometheus.Metric) {
	t := m.engine.Tally()
	to <- prometheus.MustNewConstMetric(m.waiting, prometheus.GaugeValue, float64(m.engine.Waiting()))
	before := 0
	for i, s := range t.Stages {
		labels := []string{strconv.Itoa(i + 1), m.bundle.Stages[i].ExportedStage.Model}
		counter := func(d *prometheus.Desc, v float64) {
			to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
		}
		counter(m.images, float64(s.Images))
		counter(m.exits, float64(s.Exits))
		counter(m.seconds, s.Time.Seconds())
		to <- batchSizes(m.batches, &s, labels)
		to <- confidences(m.confidence, s.Bins[:], labels)
		if t.Recent > 0 {
			to <- prometheus.MustNewConstMetric(m.reach, prometheus.GaugeValue, 1-float64(before)/float64(t.Recent), labels...)
		}
		before += s.RecentExits
		if p := m.bundle.Promise; p != nil {
			to <- prometheus.MustNewConstMetric(m.promisedReach, prometheus.GaugeValue, float64(p.Reach[i])/float64(p.Samples), labels...)
			if h := m.bundle.Stages[i].Histogram; h != nil {
				to <- confidences(m.promisedConfidence, h, labels)
			}
		}
	}
	if d := serve.DriftOf(m.bundle, t); d != nil {
		least := 1.0
		for _, test := range d.Tests {
			least = min(least, test.Holm)
		}
		to <- prometheus.MustNewConstMetric(m.drift, prometheus.GaugeValue, least)
	}
}

// batchSizes is the histogram of the sizes of batches, in powers of two.
func batchSizes(d *prometheus.Desc, s *serve.StageTally, labels []string) prometheus.Metric {
	buckets := map[float64]uint64{}
	for limit := 1; limit <= 1024; limit *= 2 {
		buckets[float64(limit)] = 0
	}
	var count uint64
	for size, n := range s.Sizes() {
		count += uint64(n)
		for limit := range buckets {
			if float64(size) <= limit {
				buckets[limit] += uint64(n)
			}
		}
	}
	return prometheus.MustNewConstHistogram(d, count, float64(s.Images), buckets, labels...)
}

// confidences is the histogram of confidences counted in bins. The sum is that of the middles
// of the bins.
func confidences(d *prometheus.Desc, bins []int, labels []string) prometheus.Metric {
	buckets := map[float64]uint64{}
	var count uint64
	sum := 0.0
	for i, n := range bins {
		count += uint64(n)
		sum += float64(n) * (float64(i) + 0.5) / float64(len(bins))
		buckets[float64(i+1)/float64(len(bins))] = count
	}
	return prometheus.MustNewConstHistogram(d, count, sum, buckets, labels...)
}
