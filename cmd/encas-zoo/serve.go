package main

import (
	"net"
	"regexp"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/serve"
	"github.com/encas-zoo/encas-zoo/serve/inference"
)

// grace is how long requests that were taken may still be answered after a signal to stop.
const grace = 30 * time.Second

// serveOptions are the flags of serve.
type serveOptions struct {
	serve.Machine
	inference.Options
	listen string
	wait   time.Duration
	queue  int
}

func serveCommand() *cli.Command {
	o := &serveOptions{listen: "127.0.0.1:8000", wait: 2 * time.Millisecond, queue: 256, Options: inference.Options{Name: "cascade", Images: 64}}
	return &cli.Command{
		Name:      "serve",
		Usage:     "answer images over HTTP with a cascade",
		UsageText: "BUNDLE [--listen ADDRESS] [flags]",
		Description: `Serves the cascade of a bundle by the Open Inference Protocol (version 2 of KServe's REST
protocol), which tritonclient and others speak: POST /v2/models/cascade/infer takes
encoded images (input image, BYTES) or pixels (input pixels, UINT8 [n, height, width, 3])
and returns class, label, confidence and stage (from 1). A request that is an image, as it
is, is taken as one.

Images of several requests run together in batches, stage by stage; none waits longer
than --wait for others. If --queue images wait the answer is 429 (Too Many Requests). On
SIGTERM or Ctrl-C nothing more is taken and what was taken is answered.

GET /metrics is for Prometheus. GET /drift tests whether the last images exit at other
stages, or with other confidences, than the bundle promises: a sign, without labels, that
they are of another kind.

There is neither encryption nor a password: an address that others can reach belongs
behind a proxy that has both.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo serve bundle
encas-zoo serve bundle --listen 127.0.0.1:9000 --device cuda --batch 64 --wait 5ms
curl --data-binary @cat.jpg http://127.0.0.1:8000/v2/models/cascade/infer`),
		Flags: append([]cli.Flag{
			bind(&o.listen, "listen", "listen on `ADDRESS`, host:port"),
			bind(&o.Name, "name", "the model's `NAME` in URLs"),
			bind(&o.wait, "wait", "an image waits at most `T` for others at each stage, such as 5ms"),
			bind(&o.queue, "queue", "at most `N` images wait for the first stage"),
			bind(&o.Images, "max-images", "at most `N` images in a request"),
		}, machineFlags(&o.Machine)...),
		Action: on(func(c *cli.Context, t *terminal) error { return t.serve(c, o) }),
	}
}

// modelName is what may be a part of a URL as it is.
var modelName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// serving is the JSON result of serve, once it listens.
type serving struct {
	Version int    `json:"version"`
	URL     string `json:"url"`
	Model   string `json:"model"`
	Cascade string `json:"cascade"`
	Device  string `json:"device"`
}

func (t *terminal) serve(c *cli.Context, o *serveOptions) error {
	if c.NArg() != 1 {
		return usagef("name one bundle")
	}
	if !modelName.MatchString(o.Name) {
		return usagef("--name %q: a name in URLs has letters, digits, dots, - and _", o.Name)
	}
	if o.queue < o.Images {
		return usagef("--queue %d is less than --max-images %d: a full request would never be taken", o.queue, o.Images)
	}
	o.Log = func(note string) { t.err.Notef("%s", note) }
	opened, err := serve.Open(c.Args().First(), o.Machine)
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := opened.Warm(); err != nil {
		return err
	}
	// Before the engine: a port that is taken is an error of the command line.
	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	defer l.Close()
	engine, err := opened.Engine(serve.Options{Wait: o.wait, Waiting: o.queue})
	if err != nil {
		return err
	}
	defer engine.Close()
	o.Options.Version = front.ProgramVersion()
	s := inference.New(opened.Bundle, engine, o.Options)
	result := serving{1, "http://" + l.Addr().String(), o.Name, opened.Text, opened.Machine.Device}
	err = t.give(result, func() {
		t.out.Printf("%s on %s\n%s/v2/models/%s/infer\n", opened.Text, result.Device, result.URL, o.Name)
	})
	if err != nil {
		return err
	}
	err = s.Serve(c.Context, l, grace)
	t.err.Notef("%s answered", plural(engine.Tally().Answered, "image", "images"))
	return err
}
