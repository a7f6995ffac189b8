package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/s3"
)

// pushOptions are the flags of zoo push.
type pushOptions struct {
	endpoint string
	models   []string
	replace  bool
}

func pushCommand() *cli.Command {
	o := &pushOptions{}
	return &cli.Command{
		Name:      "push",
		Usage:     "put a zoo into a bucket of an S3 server",
		UsageText: "ZOO s3://BUCKET/PREFIX [--endpoint URL] [--models GLOB] [--replace]",
		Description: `Adds the models of a zoo to the one in a bucket, or makes that. What must agree is as for
zoo merge. Objects that have the size and SHA-256 of their files are not sent again, so
the same command does the rest of one that was stopped. A model appears as a whole, and
several commands may push to one place. Nothing is ever deleted.

--replace puts models in the place of those that have other outputs or columns there, and
sends all of their files, so that it mends what is damaged there, too. It refuses to replace
a model that has predictions on a split there that it does not have in the zoo.

` + aboutServer,
		CustomHelpTemplate: commandHelp(`
encas-zoo zoo push cifar s3://bucket/zoos/cifar --endpoint https://s3.example.org
encas-zoo zoo push cifar s3://bucket/zoos/cifar --models resnet20 --replace
encas-zoo zoo push cifar s3://bucket/zoos/cifar --json | jq -r '.added[]'`,
			"3    some models are damaged and not, or not as a whole, pushed; the others are",
			"130  interrupted; finished models are there"),
		Flags: []cli.Flag{
			endpointFlag(&o.endpoint),
			modelsFlag(&o.models),
			bind(&o.replace, "replace", "put models in the place of others of their names, and send all of their files"),
		},
		Action: on(func(c *cli.Context, t *terminal) error { return runZooPush(c, t, o) }),
	}
}

// aboutServer ends the description of commands that ask an S3 server.
const aboutServer = `Keys come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the
profile AWS_PROFILE of ~/.aws/credentials, for which AWS_SHARED_CREDENTIALS_FILE names another
file; the region from AWS_REGION, or the server.`

func endpointFlag(p *string) cli.Flag {
	return bind(p, "endpoint", "ask the S3 server at `URL` (default: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL); only http:// is without encryption")
}

// pushed is the JSON result of zoo push.
type pushed struct {
	Version int           `json:"version"`
	Zoo     string        `json:"zoo"`
	URL     string        `json:"url"`
	Added   []string      `json:"added"`
	Skipped []string      `json:"skipped"` // they were there
	Failed  []failedModel `json:"failed"`
	Sent    int64         `json:"sent_bytes"`
	Objects int           `json:"objects"`
}

func runZooPush(c *cli.Context, t *terminal, o *pushOptions) error {
	args := c.Args().Slice()
	switch {
	case len(args) == 2 && s3.IsURL(args[0]) && !s3.IsURL(args[1]):
		return usagef("the zoo comes first, then the URL to push it to; zoo pull gets one from there")
	case len(args) != 2:
		return usagef("name a zoo and where to push it, such as s3://BUCKET/PREFIX")
	}
	store, err := s3.Open(args[1], o.endpoint)
	if err != nil {
		return asUsage(err)
	}
	z, err := study.Open(c.Context, ownFirst(args[0]), t.watch())
	if err != nil {
		return err
	}
	options, stop := t.transfer("pushing", o.models)
	result, err := zoo.Push(c.Context, z, store, zoo.PushOptions{TransferOptions: options, Replace: o.replace})
	stop()
	failed := t.failures(result.Failed)
	if err != nil {
		return err
	}
	r := pushed{1, args[0], store.String(), append([]string{}, result.Added...), append([]string{}, result.Skipped...), failed, result.Sent, result.Objects}
	err = t.give(r, func() { t.showTransferred(r.URL, r.Added, r.Skipped, r.Sent, "sent") })
	if err == nil && len(r.Failed) > 0 {
		err = partialError{fmt.Errorf("%s not pushed, or perhaps not as a whole", plural(len(r.Failed), "model was", "models were"))}
	}
	return err
}

// transfer makes the options of a push or a pull that shows its progress until stop.
func (t *terminal) transfer(doing string, models []string) (o zoo.TransferOptions, stop func()) {
	looking, moving := t.err.Progress("comparing", "models"), t.err.ProgressOfBytes(doing)
	o = zoo.TransferOptions{
		Compared: func(done, total int) { looking.Update(int64(done), int64(total), "") },
		Progress: moving.Update,
		Note:     t.watch().Note,
	}
	if len(models) > 0 {
		o.Select = func(all []zoo.Model) ([]zoo.Model, error) { return study.Select(all, models) }
	}
	return o, func() {
		looking.Stop()
		moving.Stop()
	}
}

// failures warns of models that were left out, also before an error, and gives them their form in JSON.
func (t *terminal) failures(failed []zoo.MergeFailure) []failedModel {
	list := []failedModel{}
	for _, f := range failed {
		t.err.Warnf("%s: %v", f.Model, inOtherWords(f.Err))
		list = append(list, failedModel{f.Model, f.Err.Error()})
	}
	return list
}

func (t *terminal) showTransferred(where string, added, skipped []string, bytes int64, how string) {
	t.out.Printf("%s: %s added", where, plural(len(added), "model", "models"))
	if n := len(skipped); n > 0 {
		t.out.Printf(", %s there already", plural(n, "was", "were"))
	}
	t.out.Printf("\n")
	if bytes > 0 {
		t.out.Printf("%s of predictions %s\n", ui.Bytes(bytes), how)
	}
}
