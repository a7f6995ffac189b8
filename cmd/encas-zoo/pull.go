package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/s3"
)

// pullOptions are the flags of zoo pull.
type pullOptions struct {
	endpoint, out string
	models        []string
}

func pullCommand() *cli.Command {
	o := &pullOptions{}
	return &cli.Command{
		Name:      "pull",
		Usage:     "get a zoo from a bucket of an S3 server",
		UsageText: "s3://BUCKET/PREFIX --out DIR [--endpoint URL] [--models GLOB]",
		Description: `Adds the models of the zoo in a bucket to the zoo in DIR, which is made if there is none.
What must agree is as for zoo merge, and so is what happens to columns. Every file is
compared with its size and SHA-256 before it appears; a model that is damaged there is left
out and named. The same command completes one that was stopped.

` + aboutServer,
		CustomHelpTemplate: commandHelp(`
encas-zoo zoo pull s3://bucket/zoos/cifar --out mine --endpoint https://s3.example.org
encas-zoo zoo pull s3://bucket/zoos/cifar --out mine --models 'resnet*'
encas-zoo zoo pull s3://bucket/zoos/cifar --out mine --json | jq -r '.added[]'`,
			"3    some models are damaged and not, or not as a whole, pulled; the others are",
			"130  interrupted; finished models are in the zoo"),
		Flags: []cli.Flag{
			bind(&o.out, "out", "add the models to the zoo in the folder `DIR`"),
			endpointFlag(&o.endpoint),
			modelsFlag(&o.models),
		},
		Action: on(func(c *cli.Context, t *terminal) error { return runZooPull(c, t, o) }),
	}
}

// pulled is the JSON result of zoo pull.
type pulled struct {
	Version int           `json:"version"`
	Zoo     string        `json:"zoo"`
	URL     string        `json:"url"`
	Added   []string      `json:"added"`
	Skipped []string      `json:"skipped"` // the zoo had them already
	Failed  []failedModel `json:"failed"`
	Fetched int64         `json:"fetched_bytes"`
}

func runZooPull(c *cli.Context, t *terminal, o *pullOptions) error {
	switch {
	case c.Args().Len() == 2 && o.out == "":
		return usagef("name the folder of the zoo with --out, as in --out %s", c.Args().Get(1))
	case c.Args().Len() != 1:
		return usagef("name the zoo to pull, such as s3://BUCKET/PREFIX")
	case o.out == "":
		return usagef("name the folder of the zoo with --out")
	case study.IsBuiltIn(ownFirst(o.out)):
		return exampleError("out")
	}
	store, err := s3.Open(c.Args().First(), o.endpoint)
	if err != nil {
		return asUsage(err)
	}
	options, stop := t.transfer("pulling", o.models)
	merged, err := zoo.Pull(c.Context, store, o.out, options)
	stop()
	failed := t.failures(merged.Failed)
	if err != nil {
		return err
	}
	r := pulled{1, o.out, store.String(), append([]string{}, merged.Added...), append([]string{}, merged.Skipped...), failed, merged.Copied}
	err = t.give(r, func() { t.showTransferred(r.Zoo, r.Added, r.Skipped, r.Fetched, "fetched") })
	if err == nil && len(r.Failed) > 0 {
		err = partialError{fmt.Errorf("%s not pulled, or perhaps not as a whole", plural(len(r.Failed), "model was", "models were"))}
	}
	return err
}
