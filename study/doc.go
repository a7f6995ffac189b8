// Package study is where a zoo, a search and a front meet: what every command of
// encas-zoo calls, and what a Go program that uses it as a library calls.
//
// [Import] fills a zoo from stored outputs and [Open] opens it; [Search] searches
// cascades and keeps the front in a run folder; [EvaluateFront] tells what they do on
// samples that they were not chosen on; [Report] describes them for people. Options have
// the defaults of the command line: [Defaults].
//
// A [Watch] is told what goes on. An [InputError] says which option cannot be carried
// out as it was given.
package study
