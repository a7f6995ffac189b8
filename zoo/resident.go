package zoo

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"
)

// Mapped files count as memory of the process while their content is in it. The system takes that
// back when memory is short, but not before: a search of a few gigabytes would look, and be
// counted, like one of many.
const (
	residentLimit = 512 << 20
	residentCheck = 50 * time.Millisecond
)

// keepSmall drops the content of mapped files whenever more than so many bytes of it are in
// memory, until rest is called.
func (ix *Index) keepSmall(limit int64) (rest func()) {
	var mapped []func() error
	for _, o := range ix.models {
		if o.drop != nil {
			mapped = append(mapped, o.drop)
		}
	}
	if len(mapped) == 0 {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		program := residentFiles() // and its libraries
		for tick := time.Tick(residentCheck); ; {
			select {
			case <-end:
				return
			case <-tick:
			}
			if residentFiles()-program <= limit {
				continue
			}
			for _, drop := range mapped {
				drop() // which may fail: it is a matter of size alone
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(end)
		<-ended
	})
}

// residentFiles returns how many bytes of mapped files are in memory; 0 where that is unknown.
func residentFiles() int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	fields := bytes.Fields(statm)
	if err != nil || len(fields) < 3 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[2]), 10, 64)
	return pages * int64(os.Getpagesize())
}
