//go:build !linux || !amd64

package scripts

// failCalls needs to trace processes.
func (x *attempt) failCalls() { x.harmless.Add(1) }
