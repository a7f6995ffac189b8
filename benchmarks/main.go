// Command benchmarks makes the simulated zoo that the benchmark suites use:
//
//	go run ./benchmarks simulate -dir DIR
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := errors.New("the command is simulate")
	if len(os.Args) > 1 && os.Args[1] == "simulate" {
		err = runSimulate(ctx, os.Args[2:], os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}
