package s3

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// A request whose body takes longer than a silence is answered, and a server that takes nothing is not waited for.
func TestLively(t *testing.T) {
	t.Parallel()
	const silence, pause, size = 500 * time.Millisecond, 50 * time.Millisecond, 300 << 10
	for _, stops := range []bool{false, true} {
		here, there := net.Pipe() // it has no room for what was not read
		go func() {
			defer there.Close()
			buf := make([]byte, 10<<10)
			for left := size; left > 0; time.Sleep(pause) {
				n, err := there.Read(buf)
				if err != nil {
					return
				}
				if left -= n; stops {
					<-t.Context().Done()
					return
				}
			}
			io.WriteString(there, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}()
		client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return lively{here, silence}, nil
		}}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://host/", bytes.NewReader(make([]byte, size)))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(request)
		if err == nil {
			answer.Body.Close()
		}
		if stops == (err == nil) {
			t.Errorf("stops %t: %v", stops, err)
		}
	}
}
