package scripts

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// failCalls lets one system call of a command that touches its files fail, for want of room or
// because of the disk, or all from then on.
func (x *attempt) failCalls() {
	j := x.job()
	errno := []syscall.Errno{syscall.ENOSPC, syscall.EIO}[x.r.IntN(2)]
	key := fmt.Sprint(j.kind, errno)
	x.mu.Lock()
	calls := x.calls[key]
	x.mu.Unlock()
	if calls == 0 {
		count := &attempt{attack: x.attack, outcome: &outcome{kind: "count"}, r: x.r, dir: x.t.TempDir()}
		t := &tracer{within: x.attack.dir, from: -1, errno: errno, program: x.program}
		t.run(count.jobs[j.kind](count).args)
		calls = t.seen
		x.mu.Lock()
		x.calls[key] = calls
		x.mu.Unlock()
	}
	t := &tracer{within: x.attack.dir, from: x.r.IntN(max(calls, 1)), errno: errno, ever: x.r.IntN(3) == 0, program: x.program}
	out, code := t.run(j.args)
	if crashed(out) || code < 0 || code > 3 {
		x.fail(&x.crashed, "%q, %v at call %d (%s): exit code %d\n%s", j.args, t.errno, t.from, t.failed, code, out)
	}
	if code != 0 {
		x.refused.Add(1)
	} else {
		x.harmless.Add(1)
	}
	x.again(j)
}

// A tracer runs a program and lets its system calls fail that touch files within a folder.
type tracer struct {
	program string
	within  string
	from    int // the number of the first call that fails; -1: none
	ever    bool
	errno   syscall.Errno

	seen   int
	failed string // the first one
}

// Calls that disks and file systems fail. Those that only make room fail for want of it.
var (
	onFD   = map[uint64]string{unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "pwrite", unix.SYS_FSYNC: "fsync", unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_READ: "read", unix.SYS_PREAD64: "pread", unix.SYS_GETDENTS64: "getdents", unix.SYS_FSTAT: "fstat"}
	onPath = map[uint64]string{unix.SYS_OPENAT: "openat", unix.SYS_MKDIRAT: "mkdirat", unix.SYS_UNLINKAT: "unlinkat", unix.SYS_RENAMEAT: "renameat", unix.SYS_RENAMEAT2: "renameat2", unix.SYS_NEWFSTATAT: "newfstatat"}
)

// run runs the program to its end.
func (t *tracer) run(args []string) (out string, code int) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	// The process is traced, and waited for, by this thread alone.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c := exec.CommandContext(ctx, t.program, append(args, "-q")...)
	log, err := os.CreateTemp("", "attack")
	if err != nil {
		return err.Error(), -1
	}
	defer os.Remove(log.Name())
	defer log.Close()
	process, err := syscall.ForkExec(c.Path, c.Args, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, log.Fd(), log.Fd()}, Sys: &syscall.SysProcAttr{Ptrace: true, Setpgid: true}})
	if err != nil {
		return err.Error(), -1
	}
	stop := context.AfterFunc(ctx, func() { syscall.Kill(process, syscall.SIGKILL) })
	defer stop()
	code = t.follow(process)
	text, _ := os.ReadFile(log.Name())
	return string(bytes.TrimSpace(text)), code
}

// follow lets a process and its threads run from system call to system call.
func (t *tracer) follow(process int) (code int) {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(process, &status, 0, nil); err != nil {
		return -1
	}
	syscall.PtraceSetOptions(process, syscall.PTRACE_O_TRACESYSGOOD|syscall.PTRACE_O_TRACECLONE|syscall.PTRACE_O_TRACEFORK|syscall.PTRACE_O_TRACEVFORK|unix.PTRACE_O_EXITKILL)
	syscall.PtraceSyscall(process, 0)
	inside := map[int]bool{}  // by thread: it is in a system call
	failing := map[int]bool{} // which is to fail
	for {
		// A group of its own: the thread may have started others' processes before.
		thread, err := syscall.Wait4(-process, &status, syscall.WALL|unix.WNOTHREAD, nil)
		if err == syscall.EINTR {
			continue
		}
		switch {
		case err != nil:
			return -1
		case status.Exited() || status.Signaled():
			if thread == process {
				if status.Signaled() {
					return 128 + int(status.Signal())
				}
				return status.ExitStatus()
			}
			continue
		}
		signal := 0
		switch s := status.StopSignal(); {
		case s == syscall.SIGTRAP|0x80:
			t.call(thread, inside, failing)
		case s == syscall.SIGTRAP || s == syscall.SIGSTOP: // a new thread
		default:
			signal = int(s)
		}
		syscall.PtraceSyscall(thread, signal)
	}
}

// call is at the begin or the end of a thread's system call.
func (t *tracer) call(thread int, inside, failing map[int]bool) {
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(thread, &regs) != nil {
		return
	}
	inside[thread] = !inside[thread]
	if inside[thread] {
		what := t.touches(thread, &regs)
		if what == "" {
			return
		}
		t.seen++
		if n := t.seen - 1; t.from < 0 || n < t.from || n > t.from && !t.ever {
			return
		}
		if t.failed == "" {
			t.failed = what
		}
		regs.Orig_rax = ^uint64(0) // no such call
		syscall.PtraceSetRegs(thread, &regs)
		failing[thread] = true
	} else if failing[thread] {
		regs.Rax = uint64(-int64(t.errno))
		syscall.PtraceSetRegs(thread, &regs)
		failing[thread] = false
	}
}

// touches describes a call that may fail; "" for one that may not.
func (t *tracer) touches(thread int, regs *syscall.PtraceRegs) string {
	number := regs.Orig_rax
	path := ""
	name, ok := onFD[number]
	if ok {
		path, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", thread, int32(regs.Rdi)))
	} else if name, ok = onPath[number]; ok {
		path = text(thread, uintptr(regs.Rsi))
	}
	if !ok || !strings.HasPrefix(path, t.within) || path == t.program || strings.HasSuffix(path, ".so") {
		return ""
	}
	if t.errno == syscall.ENOSPC {
		switch number {
		case unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_FSYNC, unix.SYS_FTRUNCATE, unix.SYS_MKDIRAT, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		case unix.SYS_OPENAT:
			if regs.Rdx&syscall.O_CREAT == 0 {
				return ""
			}
		default:
			return ""
		}
	}
	return name + " " + filepath.Base(path)
}

// text reads a string of a process.
func text(thread int, at uintptr) string {
	var all []byte
	buf := make([]byte, 8)
	for len(all) < 4096 {
		n, err := syscall.PtracePeekData(thread, at+uintptr(len(all)), buf)
		if err != nil || n == 0 {
			break
		}
		if end := bytes.IndexByte(buf[:n], 0); end >= 0 {
			return string(append(all, buf[:end]...))
		}
		all = append(all, buf[:n]...)
	}
	return string(all)
}
