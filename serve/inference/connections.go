package inference

import (
	"io"
	"log"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// nothing is where net/http writes about clients that do not speak HTTP: nobody can do
// anything about them.
var nothing = log.New(io.Discard, "", 0)

// refusal is what a connection beyond the bound gets.
const refusal = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 35\r\n\r\n" +
	`{"error":"too many connections"}` + "\n\r\n"

// A bounded listener has at most so many connections at a time, and says no to others.
type bounded struct {
	net.Listener
	most int64
	open atomic.Int64
}

func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if b.open.Add(1) <= b.most {
			return &counted{Conn: c, open: &b.open}, nil
		}
		b.open.Add(-1)
		c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		io.WriteString(c, refusal)
		c.Close()
	}
}

// counted is a connection of a bounded listener.
type counted struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}
