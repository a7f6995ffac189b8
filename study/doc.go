// Package study is where a zoo, a search and a front meet: what every command of
// encas-zoo calls, and what a Go program that uses it as a library calls.
//
// [Import] fills a zoo from stored outputs and [Open] opens it; [Search] searches
// cascades and writes the front to a run folder; [EvaluateFront] evaluates it on samples
// that it was not chosen on and [Certify] tests there what can be claimed of it; [Report] describes it for people. Options have the defaults
// of the command line: [Defaults].
//
// A [Watch] receives progress, notes and warnings. An [InputError] is about an option
// whose value cannot be used.
package study
