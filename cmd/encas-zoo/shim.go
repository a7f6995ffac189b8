package main

import (
	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/infer/torch"
)

func shimCommand() *cli.Command {
	o := &torch.BuildOptions{}
	return &cli.Command{
		Name:               "shim",
		Usage:              "prepare libtorch for ingest",
		CustomHelpTemplate: groupHelp,
		Subcommands: []*cli.Command{{
			Name:      "build",
			Usage:     "compile the small library through which ingest calls torch",
			UsageText: "[--python PATH] [flags]",
			Description: `Needs a C++ compiler and a torch with its headers: one installed by pip, with or
without CUDA, or Debian's libtorch-dev and libopenblas0-pthread. It takes about ten
seconds, once per torch: each has a library of its own, and 'encas-zoo ingest' opens that of
its --python. No other command needs it.`,
			CustomHelpTemplate: commandHelp(`
encas-zoo shim build
encas-zoo shim build --python venv/bin/python`,
				"130  interrupted"),
			Flags: []cli.Flag{
				bind(&o.Python, "python", "the Python interpreter `PATH` with the torch to use (default: python3, else Debian's libtorch)"),
				bind(&o.Compiler, "compiler", "the C++ compiler `CXX` (default: $CXX, else g++)"),
				bind(&o.Out, "shim", "write to `PATH` (default: $ENCAS_TORCH_SHIM, else a file per torch in the user's cache folder)"),
			},
			Action: on(func(c *cli.Context, t *terminal) error { return runShimBuild(c, t, o) }),
		}},
	}
}

// shimBuilt is the JSON result of shim build.
type shimBuilt struct {
	Version int    `json:"version"`
	Torch   string `json:"torch"`
	Shim    string `json:"shim"`
}

func runShimBuild(c *cli.Context, t *terminal, o *torch.BuildOptions) error {
	if err := noArguments(c); err != nil {
		return err
	}
	path, err := torch.Build(c.Context, *o, func(command string) { t.err.Notef("%s", command) })
	if err != nil {
		return err
	}
	library, err := torch.Open(path)
	if err != nil {
		return err
	}
	if flaws := torch.Flaws(library.Version()); flaws != "" {
		t.err.Notef("%s", flaws)
	}
	return t.give(shimBuilt{1, library.Version(), path}, func() { t.out.Printf("torch %s is ready: %s\n", library.Version(), path) })
}
