package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const servingAbout = "A cascade of published CIFAR-10 networks (ResNet-20 to -56), bundled and run by `encas-zoo run` and `encas-zoo serve` on the CPU: whether later stages run full batches, compute saved beside time saved against the largest of the networks (in turns over the same images, decoding included), and 16 clients that send one image after the other. Then clients that go away in the middle of a request, never finish one, send nonsense or too much, and ten thousand connections: the server must go on answering."

// servingParts is how a bundle is made and what it runs over.
type servingParts struct {
	command, bundle, largest, images string
	env                              []string
}

// serving measures bundles: run, and serve under load.
func serving(ctx context.Context, b *bench) ([]Row, error) {
	parts, why, err := prepareServing(ctx, b)
	if err != nil {
		return nil, err
	}
	if why != "" {
		return []Row{missing("cascade of four networks", why)}, nil
	}
	rows, err := runsOf(ctx, b, parts)
	if err != nil {
		return nil, err
	}
	load, err := underLoad(ctx, b, parts)
	return append(rows, load...), err
}

// prepareServing bundles a cascade; why says what is missing.
func prepareServing(ctx context.Context, b *bench) (p servingParts, why string, err error) {
	data := filepath.Join("..", "shared", "data")
	weights, images := filepath.Join(data, "cifar10_resnets"), filepath.Join(data, "cifar10_images", "test-00000-of-00001.parquet")
	for _, path := range []string{weights, images} {
		if _, err := os.Stat(path); err != nil {
			return p, path + " is not there", nil
		}
	}
	python, err := b.python.with(ctx, "torch")
	if none, ok := errors.AsType[noPython](err); ok {
		return p, string(none), nil
	}
	if err != nil {
		return p, "", err
	}
	dir, err := filepath.Abs(filepath.Join(b.dir, "serving"))
	if err != nil {
		return p, "", err
	}
	if err := os.RemoveAll(dir); err != nil {
		return p, "", err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return p, "", err
	}
	if p.images, err = filepath.Abs(images); err != nil {
		return p, "", err
	}
	p.command, p.bundle, p.largest = filepath.Join(dir, "encas-zoo"), filepath.Join(dir, "bundle"), filepath.Join(dir, "resnet56")
	p.env = append(os.Environ(), "ENCAS_TORCH_SHIM="+filepath.Join(dir, "shim.so"))
	zoo, run, models := filepath.Join(dir, "zoo"), filepath.Join(dir, "run"), filepath.Join(dir, "models")
	few := "2000"
	if b.quick {
		few = "100"
	}
	for _, line := range [][]string{
		{"go", "build", "-o", p.command, "./cmd/encas-zoo"},
		{python, filepath.Join("scripts", "road.py"), "export", weights, models},
		{p.command, "shim", "build", "--python", python, "--quiet"},
		{p.command, "ingest", filepath.Join(models, "list.txt"), "--zoo", zoo, "--data", "search=" + p.images + ":0.5", "--data", "test=" + p.images + ":0.5", "--limit", few, "--quiet"},
		{p.command, "optimize", "--zoo", zoo, "--out", run, "--quiet"},
		{p.command, "export", run, "--pick", "best", "--format", "bundle", "--out", p.bundle},
		{p.command, "export", run, "--cascade", "resnet56", "--format", "bundle", "--out", p.largest},
	} {
		c := exec.CommandContext(ctx, line[0], line[1:]...)
		c.Env = p.env
		if out, err := c.CombinedOutput(); err != nil {
			return p, "", fmt.Errorf("%s: %w\n%s", strings.Join(line, " "), err, out)
		}
	}
	return p, "", nil
}

// runsOf measures encas-zoo run.
func runsOf(ctx context.Context, b *bench, p servingParts) ([]Row, error) {
	type stage struct {
		Model string
		Reach float64
		Fill  float64
	}
	type summary struct {
		Rate    float64 `json:"images_per_second"`
		Stages  []stage
		Against *struct {
			CostRatio float64 `json:"cost_ratio"`
			TimeRatio float64 `json:"time_ratio"`
			Correct   int     `json:"other_correct"`
		}
		Measured struct{ Correct, N int }
	}
	limit := "10000"
	if b.quick {
		limit = "300"
	}
	run := func(more ...string) (s summary, err error) {
		c := exec.CommandContext(ctx, p.command, append([]string{"run", p.bundle, "--data", p.images, "--limit", limit, "--json", "--quiet"}, more...)...)
		c.Env = p.env
		var problems bytes.Buffer
		c.Stderr = &problems
		out, err := c.Output()
		if err != nil {
			return s, fmt.Errorf("run: %w\n%s", err, problems.Bytes())
		}
		return s, json.Unmarshal(out, &s)
	}
	s, err := run()
	if err != nil {
		return nil, err
	}
	rows := []Row{row("images a second of `run`, from encoded images", "/s", []float64{s.Rate})}
	least := 1.0 // also of a cascade of one stage
	for _, stage := range s.Stages[1:] {
		least = min(least, stage.Fill)
	}
	rows = append(rows, row("batches of later stages, how full in the mean, the least full stage", "%", []float64{100 * least}).atLeast(80))
	var cost, times, points []float64
	largest := s.Stages[len(s.Stages)-1].Model
	for range b.longRuns {
		s, err := run("--against", p.largest)
		if err != nil {
			return nil, err
		}
		cost, times = append(cost, 100*(1-s.Against.CostRatio)), append(times, 100*(1-s.Against.TimeRatio))
		points = append(points, 100*float64(s.Measured.Correct-s.Against.Correct)/float64(s.Measured.N))
	}
	saved := row("time saved against resnet56 alone", "%", times)
	saved.Note = "the last stage of the cascade is " + largest
	more := row("accuracy less that of resnet56 alone", "points", points)
	more.Note = "on all images, some of which the cascade was chosen on"
	return append(rows, row("compute saved against resnet56 alone", "%", cost), saved, more), nil
}

// underLoad measures encas-zoo serve.
func underLoad(ctx context.Context, b *bench, p servingParts) ([]Row, error) {
	photos, err := somePhotos()
	if err != nil {
		return []Row{missing("16 clients", err.Error())}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	server := exec.CommandContext(ctx, p.command, "serve", p.bundle, "--listen", "127.0.0.1:0", "--json")
	server.Env = p.env
	out, err := server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, err
	}
	defer server.Wait()
	defer server.Process.Kill()
	var listening struct{ URL string }
	if err := json.NewDecoder(out).Decode(&listening); err != nil {
		return nil, fmt.Errorf("serve did not start: %w", err)
	}
	seconds := 60
	if b.quick {
		seconds = 3
	}
	l := &load{url: listening.URL + "/v2/models/cascade/infer", photos: photos, pid: server.Process.Pid}
	rows, err := l.clients(ctx, 16, time.Duration(seconds)*time.Second)
	if err != nil {
		return nil, err
	}
	abused, err := l.abuse(ctx, strings.TrimPrefix(listening.URL, "http://"))
	if err != nil {
		return nil, err
	}
	server.Process.Signal(os.Interrupt)
	ended := 0.0
	if err := server.Wait(); err == nil {
		ended = 1
	}
	return append(rows, abused, row("ends well when it is told to", "", []float64{ended}).atLeast(1)), nil
}

// somePhotos reads JPEG files of the reference data.
func somePhotos() (photos [][]byte, err error) {
	names, err := filepath.Glob(filepath.Join("..", "shared", "data", "jpegs", "n*.JPEG"))
	if err != nil || len(names) == 0 {
		return nil, errors.New("../shared/data/jpegs is not there")
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		photos = append(photos, data)
	}
	return photos, nil
}

// A load asks a server.
type load struct {
	url    string
	photos [][]byte
	pid    int
}

// ask sends one photo and returns the status.
func (l *load) ask(ctx context.Context, client *http.Client, photo []byte) (int, error) {
	r, err := http.NewRequestWithContext(ctx, "POST", l.url, bytes.NewReader(photo))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "image/jpeg")
	answer, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// clients has so many of them send one photo after the other.
func (l *load) clients(ctx context.Context, n int, during time.Duration) ([]Row, error) {
	var mu sync.Mutex
	var latencies []float64
	failures := 0
	begin := time.Now()
	var wait sync.WaitGroup
	for client := range n {
		wait.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(client), 1))
			for time.Since(begin) < during && ctx.Err() == nil {
				start := time.Now()
				status, err := l.ask(ctx, http.DefaultClient, l.photos[rng.IntN(len(l.photos))])
				mu.Lock()
				if err != nil || status != http.StatusOK {
					failures++
				} else {
					latencies = append(latencies, time.Since(start).Seconds()*1e3)
				}
				mu.Unlock()
			}
		})
	}
	time.Sleep(during / 3)
	early := memoryOf(l.pid)
	wait.Wait()
	late := memoryOf(l.pid)
	if len(latencies) == 0 {
		return nil, errors.New("no client got an answer")
	}
	slices.Sort(latencies)
	at := func(q float64) []float64 { return []float64{latencies[int(q*float64(len(latencies)-1))]} }
	who := fmt.Sprintf("%d clients for %.0f s: ", n, during.Seconds())
	memory := missing(who+"resident memory", "/proc is not there")
	if early > 0 {
		memory = row(who+"resident memory at the end against a third of the time", "x", []float64{late / early}).atMost(1.1)
	}
	return []Row{
		row(who+"answers", "/s", []float64{float64(len(latencies)) / during.Seconds()}),
		row(who+"median latency", "ms", at(0.5)),
		row(who+"95th percentile", "ms", at(0.95)),
		row(who+"requests without an answer", "", []float64{float64(failures)}).atMost(0),
		memory,
	}, nil
}

// memoryOf is the resident memory of a process in bytes, 0 if it is not known.
func memoryOf(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return 1024 * kb
		}
	}
	return 0
}

// abuse does what clients must not do, and then asks well. The row has the part of these
// proper requests that was answered.
func (l *load) abuse(ctx context.Context, address string) (Row, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	dial := func() net.Conn {
		c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil // refused: it says no
		}
		return c
	}
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	head := "POST /v2/models/cascade/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
	for i := range 200 {
		c := dial()
		if c == nil {
			continue
		}
		switch i % 4 {
		case 0: // goes away in the middle
			io.WriteString(c, head+"abc")
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		case 1: // never finishes
			io.WriteString(c, head[:40])
			open = append(open, c)
		case 2: // nonsense
			io.WriteString(c, "\x00\xff\x16\x03\x01 hello\r\n\r\n")
			c.Close()
		case 3: // too much
			io.WriteString(c, strings.Replace(head, "1000000", "999999999999", 1))
			c.Close()
		}
	}
	for range 10_000 {
		if c := dial(); c != nil {
			open = append(open, c)
		}
	}
	for _, c := range open {
		c.Close()
	}
	asked, answered := 20, 0
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for range asked {
		status, err := l.ask(ctx, client, l.photos[0])
		if err == nil && status == http.StatusOK {
			answered++
			continue
		}
		time.Sleep(500 * time.Millisecond)
	}
	r := row("proper requests answered after misuse and 10,000 connections", "%", []float64{100 * float64(answered) / float64(asked)}).atLeast(90)
	r.Note = fmt.Sprintf("%d connections were dialled; the server keeps 1,024 and refuses the others", len(open))
	return r, nil
}
