package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A browser is a headless Chromium that is told what to do through a pipe, in its
// DevTools protocol: JSON messages that end with a zero byte.
type browser struct {
	t       *testing.T
	to      *os.File
	from    chan message
	session string
	last    int
	events  []message // that came while answers were waited for
}

type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
}

// startBrowser starts Chromium with one empty page. The test is skipped where there
// is none.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	program := os.Getenv("CHROMIUM")
	if program == "" {
		program = "chromium"
	}
	program, err := exec.LookPath(program)
	if err != nil {
		t.Skip("no chromium to look at pages with: install it, or name one in $CHROMIUM")
	}
	in, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	cmd := exec.Command(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
		"--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe", "--user-data-dir="+filepath.Join(home, "profile"), "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home)
	cmd.ExtraFiles = []*os.File{in, out}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	out.Close()
	b := &browser{t: t, to: to, from: make(chan message, 1024)}
	go func() {
		defer close(b.from)
		for r := bufio.NewReader(from); ; {
			data, err := r.ReadBytes(0)
			if err != nil {
				return
			}
			var m message
			if json.Unmarshal(data[:len(data)-1], &m) == nil {
				b.from <- m
			}
		}
	}()
	t.Cleanup(func() {
		b.send("Browser.close", nil)
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			cmd.Process.Kill()
			<-done
		}
		to.Close()
		from.Close()
	})

	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var session struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session)
	b.session = session.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

func (b *browser) send(method string, params any) int {
	b.last++
	m := map[string]any{"id": b.last, "method": method}
	if params != nil {
		m["params"] = params
	}
	if b.session != "" && !strings.HasPrefix(method, "Browser.") {
		m["sessionId"] = b.session
	}
	data, _ := json.Marshal(m)
	b.to.Write(append(data, 0))
	return b.last
}

// next returns the next message, and fails the test where none comes.
func (b *browser) next() message {
	select {
	case m, ok := <-b.from:
		if !ok {
			b.t.Fatal("the browser went away")
		}
		return m
	case <-time.After(60 * time.Second):
		b.t.Fatal("the browser does not answer")
	}
	panic("unreachable")
}

// call asks for something and decodes the answer into result.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	id := b.send(method, params)
	for {
		m := b.next()
		if m.ID != id {
			b.events = append(b.events, m)
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
		return
	}
}

// screen sets the size of the window and the colours that the person prefers.
func (b *browser) screen(width, height int, phone bool, colours string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": colours}}}, nil)
}

// open loads a file and waits until it is there.
func (b *browser) open(path string) {
	b.t.Helper()
	b.events = nil
	b.call("Page.navigate", map[string]any{"url": "file://" + path}, nil)
	for _, m := range b.events {
		if m.Method == "Page.loadEventFired" {
			return
		}
	}
	for {
		m := b.next()
		b.events = append(b.events, m)
		if m.Method == "Page.loadEventFired" {
			return
		}
	}
}

// eval runs an expression in the page and decodes its value into result. It fails
// the test where the expression throws.
func (b *browser) eval(expression string, result any) {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &answer)
	if e := answer.ExceptionDetails; e != nil {
		b.t.Fatalf("%s\nin %s", e.Exception.Description, expression)
	}
	if result != nil {
		if err := json.Unmarshal(answer.Result.Value, result); err != nil {
			b.t.Fatalf("%s: %v (%s)", expression, err, answer.Result.Value)
		}
	}
}

// problems returns what went wrong in the page since it was opened, and every
// address that it asked for.
func (b *browser) problems() (problems, requests []string) {
	b.eval("0", nil) // what happened before has been told now
	for _, m := range b.events {
		var p struct {
			Entry            struct{ Level, Text string }
			Type             string
			ExceptionDetails struct {
				Text      string
				Exception struct{ Description string }
			}
			Request struct{ URL string }
		}
		json.Unmarshal(m.Params, &p)
		switch m.Method {
		case "Log.entryAdded":
			if p.Entry.Level == "error" || p.Entry.Level == "warning" {
				problems = append(problems, p.Entry.Text)
			}
		case "Runtime.exceptionThrown":
			problems = append(problems, p.ExceptionDetails.Text+" "+p.ExceptionDetails.Exception.Description)
		case "Runtime.consoleAPICalled":
			problems = append(problems, fmt.Sprintf("console.%s %s", p.Type, m.Params))
		case "Network.requestWillBeSent":
			requests = append(requests, p.Request.URL)
		}
	}
	return problems, requests
}

// shoot saves a picture of the whole page where SCREENSHOTS names a folder.
func (b *browser) shoot(name string) {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	var picture struct{ Data []byte }
	b.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &picture)
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture.Data, 0o666); err != nil {
		b.t.Fatal(err)
	}
}
