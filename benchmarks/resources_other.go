//go:build !unix

package main

import (
	"math"
	"os"
)

// peakBytes returns the most memory that a process that has ended took: it is not known.
func peakBytes(*os.ProcessState) int64 { return 0 }

// freeBytes returns how much room the disk of a folder has: it is not known.
func freeBytes(string) int64 { return math.MaxInt64 }
