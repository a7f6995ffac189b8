package main

import (
	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/infer/torch"
)

func shimCommand() *cli.Command {
	o := &torch.BuildOptions{}
	return &cli.Command{
		Name:               "shim",
		Usage:              "make libtorch ready for ingest",
		CustomHelpTemplate: groupHelp,
		Subcommands: []*cli.Command{{
			Name:      "build",
			Usage:     "compile the small library that ingest calls torch through",
			UsageText: "[--python PATH] [flags]",
			Description: `Needs a C++ compiler and a torch with its headers: one installed by pip, with or
without CUDA, or Debian's libtorch-dev and libopenblas0-pthread. Takes about ten
seconds, once for each torch. Nothing else of encas-zoo needs it.`,
			CustomHelpTemplate: commandHelp(`
encas-zoo shim build
encas-zoo shim build --python venv/bin/python`,
				"130  interrupted"),
			Flags: []cli.Flag{
				text(&o.Python, "python", "the interpreter `PATH` that can import the torch to use (default: python3, else Debian's libtorch)"),
				text(&o.Compiler, "compiler", "the C++ compiler `CXX` (default: $CXX, else g++)"),
				text(&o.Out, "shim", "write to `PATH` (default: $ENCAS_TORCH_SHIM, else the user's cache folder)"),
				jsonFlag(),
				quietFlag(),
			},
			Action: func(c *cli.Context) error { return runShimBuild(c, o) },
		}},
	}
}

// shimBuilt is the JSON result of shim build.
type shimBuilt struct {
	Version int    `json:"version"`
	Torch   string `json:"torch"`
	Shim    string `json:"shim"`
}

func runShimBuild(c *cli.Context, o *torch.BuildOptions) error {
	if err := noArguments(c); err != nil {
		return err
	}
	t := newTerminal(c)
	path, err := torch.Build(c.Context, *o, func(command string) { t.err.Notef("%s", command) })
	if err != nil {
		return err
	}
	library, err := torch.Open(path)
	if err != nil {
		return err
	}
	if t.json {
		return t.writeJSON(shimBuilt{1, library.Version(), path})
	}
	t.out.Printf("torch %s is ready: %s\n", library.Version(), path)
	return nil
}
