module github.com/encas-zoo/encas-zoo

go 1.26
