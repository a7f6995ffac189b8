package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/internal/bundletest"
	"github.com/encas-zoo/encas-zoo/zoo/example"
	"github.com/encas-zoo/encas-zoo/zoo/s3/s3test"
)

// What every command writes with --json follows its schema in docs/schemas, to the
// last field, and nothing else is on standard output.
func TestJSONFollowsItsSchema(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	if err := makeOutputs(filepath.Join(dir, "made"), 4, 200, 5); err != nil {
		t.Fatal(err)
	}
	// A copy of the example zoo, so that models can be removed from it.
	z, err := example.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "digits"), os.DirFS(z.Dir())); err != nil {
		t.Fatal(err)
	}

	writeSupernet(t, filepath.Join(dir, "ofa10.pt"), 1000)

	covered := map[string]bool{}
	for _, line := range []string{
		"optimize --zoo digits --algorithm exact --rule mean --out exact",
		"optimize --zoo digits --algorithm exact --rule mean --max-gflops 1e-6 --dominate qda --out dominate",
		"optimize --zoo digits --algorithm exact --rule mean --cross-validate 3 --out crossed",
		"optimize --zoo digits --algorithm exact --rule mean --certify test --certify-margin 1 --out certified",
		"optimize --zoo digits --algorithm random --evals 2000 --rule last --confidence margin --out random",
		"optimize --zoo digits --algorithm exact --shard 0/2 --out part0",
		"optimize --zoo digits --algorithm exact --shard 1/2 --out part1",
		"optimize --zoo digits --algorithm exact --include qda --include tree_4 --shard 0/9 --out nothing",
		"front merge part0 part1 --out joined",
		"optimize --zoo digits --search-samples 500 --evals 20000 --out drawn",
		"evaluate --zoo digits --split search drawn",
		"report --zoo digits drawn",
		"export --pick best drawn",
		"evaluate --zoo digits --split test exact",
		"certify --zoo digits --split test --margin 2 exact",
		"certify --zoo digits --split test --margin 0 exact",
		"certify --zoo digits --split test --error 0.1 --worst-class 0.5 --max-cost 1 exact",
		"evaluate --zoo digits --cascade tree_4@0.5,qda*2",
		"evaluate --zoo digits --cascade tree_4@0.5,qda*2 --answers a.json",
		"evaluate --zoo digits --split test exact --pick best --answers b.parquet",
		"diff a.json a.json",
		"compare exact random --at 1e-9,1e-6 --plot fronts.svg",
		"report exact random",
		"report --split search exact",
		"explain --zoo digits --sample 7 --cascade tree_4@0.5,qda*2",
		"explain --zoo digits --sample 7 --pick 3 exact",
		"export --pick 3 exact",
		"import --zoo made-zoo --format npy --split search=0.5 --split test=0.5 made",
		"import --zoo made-zoo --format npy --unlabelled pool=0.5 made",
		"zoo info --zoo made-zoo --split pool",
		"optimize --zoo made-zoo --algorithm exact --unlabelled pool --out with",
		"evaluate --zoo made-zoo --split pool with",
		"evaluate --zoo made-zoo --split pool --cascade m00@0.5,m01",
		"evaluate --zoo made-zoo --split test with",
		"label --zoo made-zoo --split pool --budget 5 with",
		"zoo list --zoo digits",
		"zoo info --zoo digits",
		"zoo info --zoo digits --split test --cost params --models *tree*,qda --agreement agreement.svg",
		"zoo verify --zoo digits",
		"zoo set --zoo made-zoo m00 price=2 gflops=0.02",
		"zoo calibrate --zoo digits --out calibrated --models lda,qda,tree_4",
		"zoo list --zoo calibrated",
		"optimize --zoo calibrated --algorithm exact --rule mean --out tempered",
		"export --pick 0 tempered",
		"zoo merge digits digits --out merged",
		"zoo remove --zoo digits qda tree_4",
		"zoo list --zoo made-zoo --models m00",
		"zoo remove --zoo digits --split search --force",
		"supernet info ofa10.pt",
		"supernet info attentive",
		"supernet sample ofa10.pt --n 5 --spread log-gflops",
	} {
		name, file := commandOf(strings.Fields(line))
		covered[name] = true
		value := decode(t, line, program(t, dir, append(strings.Fields(line), "--json")...))
		follow(t, line, file, value)
		refuseSurprises(t, file, value)
	}
	text, err := os.ReadFile(filepath.Join(dir, "a.json"))
	if err != nil {
		t.Fatal(err)
	}
	follow(t, "a.json", "answers", decode(t, "a.json", string(text)))
	for _, run := range []string{"exact", "certified"} {
		text, err := os.ReadFile(filepath.Join(dir, run, "certified.json"))
		if err != nil {
			t.Fatal(err)
		}
		follow(t, run, "certify", decode(t, run, string(text)))
	}
	for _, run := range []string{"exact", "dominate", "random", "tempered", "with", "part0", "nothing", "joined", "drawn"} {
		for _, name := range []string{"front", "run"} {
			text, err := os.ReadFile(filepath.Join(dir, run, name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			value := decode(t, run, string(text))
			file := map[string]string{"front": "front", "run": "run-folder"}[name]
			follow(t, run, file, value)
			refuseSurprises(t, file, value)
		}
	}

	// These need a compiler, torch or a server, and are tested below.
	for _, name := range []string{"ingest", "shim build", "run", "serve", "supernet export", "supernet extract", "supernet train", "nat", "zoo push", "zoo pull"} {
		covered[name] = true
	}
	for _, name := range commandNames(newApp(os.Stdout, os.Stderr)) {
		if !covered[name] {
			t.Errorf("the JSON of %q is not tested", name)
		}
	}
}

func TestJSONOfPushAndPullFollowsItsSchema(t *testing.T) {
	server := s3test.New(t)
	dir := t.TempDir()
	push := "zoo push example s3://" + s3test.Bucket + "/zoos/digits"
	for _, line := range []string{
		push,
		push,
		push + " --models lda,qda --replace",
		"zoo pull s3://" + s3test.Bucket + "/zoos/digits --out mine --models lda",
		"zoo pull s3://" + s3test.Bucket + "/zoos/digits --out mine",
	} {
		_, file := commandOf(strings.Fields(line))
		value := decode(t, line, program(t, dir, append(strings.Fields(line), "--json")...))
		follow(t, line, file, value)
		refuseSurprises(t, file, value)
	}
	// Damaged models are in the JSON, too.
	for _, key := range server.Keys() {
		if strings.Contains(key, "/archive/") {
			server.Set(key, bytes.Repeat([]byte{1}, len(server.Object(key))))
		}
	}
	cmd := exec.Command("encas-zoo", "zoo", "pull", "s3://"+s3test.Bucket+"/zoos/digits", "--out", "damaged", "--json")
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != exitSomeFailed {
		t.Fatal(err)
	}
	value := decode(t, "damaged", string(out))
	follow(t, "damaged", "zoo-pull", value)
	refuseSurprises(t, "zoo-pull", value)
}

func TestJSONOfIngestFollowsItsSchema(t *testing.T) {
	t.Setenv("ENCAS_TORCH_SHIM", torchtest.Fake(t))
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, class := range []string{"cat", "dog"} {
		if err := os.MkdirAll(filepath.Join(dir, "images", class), 0o777); err != nil {
			t.Fatal(err)
		}
		write(filepath.Join("images", class, "1.png"), onePixel)
	}
	write("list.txt", "a.pt size=8\nbroken.pt size=8\n")
	write("a.pt", "fake seed 1")
	write("broken.pt", "nothing of the kind")
	cmd := exec.Command("encas-zoo", "ingest", "list.txt", "--data", "images", "--zoo", "z", "--json")
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != exitSomeFailed {
		t.Fatalf("%v: %s", err, out)
	}
	follow(t, "ingest", "ingest", decode(t, "ingest", string(out)))
}

func TestJSONOfSupernetExtractFollowsItsSchema(t *testing.T) {
	t.Setenv("ENCAS_TORCH_SHIM", torchtest.Fake(t))
	dir := t.TempDir()
	writeSupernet(t, filepath.Join(dir, "ofa10.pt"), 10)
	args := []string{"supernet", "extract", "ofa10.pt", "--genome", "0.0.1.1.0.0.1.1.0.0.1.1.0.0.1.1.0.0.1.1.0.0", "--calibrate", bundletest.Pictures(t, 5), "--out", "small.pt", "--json"}
	value := decode(t, "supernet extract", program(t, dir, args...))
	follow(t, "supernet extract", "supernet-extract", value)
	refuseSurprises(t, "supernet-extract", value)
}

func TestJSONOfSupernetTrainFollowsItsSchema(t *testing.T) {
	t.Setenv("ENCAS_TORCH_SHIM", torchtest.Fake(t))
	dir := t.TempDir()
	writeSupernet(t, filepath.Join(dir, "ofa10.pt"), 3)
	line := "supernet train ofa10.pt --data train=" + torchtest.Pictures(t, 12, 3) + " --epochs 1 --batch 6 --out trained.pt"
	value := decode(t, line, program(t, dir, append(strings.Fields(line), "--json")...))
	follow(t, line, "supernet-train", value)
	refuseSurprises(t, "supernet-train", value)
}

func TestJSONOfRunFollowsItsSchema(t *testing.T) {
	t.Setenv("ENCAS_TORCH_SHIM", torchtest.Fake(t))
	images := bundletest.Pictures(t, 60)
	z, run := bundletest.Run(t, images)
	dir := t.TempDir()
	for _, line := range []string{
		"export --cascade logits@0.35,wide*2@0.3,sigmoid --format bundle --zoo " + z.Dir() + " --out bundle " + run,
		"export --cascade wide --format bundle --zoo " + z.Dir() + " --out wide " + run,
		"export --cascade wide@0.5,background@0.5,wide@0.5,logits --format triton --zoo " + z.Dir() + " --out repository " + run,
		"run bundle --data " + images,
		"run bundle --no-labels --data " + images,
		"run bundle --batch 8 --against wide --data " + images,
		"run bundle --batch 8 --against ./wide --data " + images,
	} {
		_, file := commandOf(strings.Fields(line))
		value := decode(t, line, program(t, dir, append(strings.Fields(line), "--json")...))
		follow(t, line, file, value)
		refuseSurprises(t, file, value)
	}
}

func TestJSONOfShimBuildFollowsItsSchema(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles the shim")
	}
	if _, err := torch.Open(torchtest.Path(t)); err != nil {
		t.Skip(err)
	}
	args := []string{"shim", "build", "--shim", filepath.Join(t.TempDir(), "shim.so"), "--json"}
	if python := os.Getenv("ENCAS_TORCH_PYTHON"); python != "" {
		args = append(args, "--python", python)
	}
	follow(t, "shim build", "shim-build", decode(t, "shim build", program(t, t.TempDir(), args...)))
}

func TestJSONOfSupernetExportFollowsItsSchema(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("exports a network")
	}
	dir := t.TempDir()
	args := []string{"supernet", "export", "attentive", "--random", "--out", "x.pt", "--python", torchtest.Python(t), "--json"}
	value := decode(t, "supernet export", program(t, dir, args...))
	follow(t, "supernet export", "supernet-export", value)
	refuseSurprises(t, "supernet-export", value)
}

func TestJSONOfNATFollowsItsSchema(t *testing.T) {
	t.Setenv("ENCAS_TORCH_SHIM", torchtest.Fake(t))
	dir := t.TempDir()
	writeSupernet(t, filepath.Join(dir, "ofa10.pt"), 5)
	images := torchtest.Pictures(t, 40, 5)
	line := "nat ofa10.pt --data " + images + " --calibrate " + torchtest.Pictures(t, 8, 1) + " --out run --start 6 --candidates 3 --iterations 2 --interpolants 5 --surrogate-evaluations 200 --json"
	value := decode(t, line, program(t, dir, strings.Fields(line)...))
	follow(t, line, "nat", value)
	refuseSurprises(t, "nat", value)
}

// onePixel is a PNG file.
const onePixel = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\nIDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82"

// commandOf returns the command of a command line and the name of its schema.
func commandOf(args []string) (name, schema string) {
	name = args[0]
	if name == "zoo" || name == "front" || name == "shim" || name == "supernet" {
		name += " " + args[1]
	}
	if name == "export" {
		return name, "cascade"
	}
	return name, strings.ReplaceAll(name, " ", "-")
}

// commandNames returns the full names of the commands that take --json.
func commandNames(app *cli.App) (names []string) {
	for _, command := range app.Commands {
		if takesJSON(command) {
			names = append(names, command.Name)
		}
		for _, sub := range command.Subcommands {
			if takesJSON(sub) {
				names = append(names, command.Name+" "+sub.Name)
			}
		}
	}
	return names
}

func takesJSON(c *cli.Command) bool {
	return slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), "json") })
}

// decode reads the one JSON value that text must be.
func decode(t *testing.T, what, text string) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: not one JSON value: %v\n%.500s", what, err, text)
	}
	return value
}

var (
	schemasLock sync.Mutex
	schemas     = map[string]*jsonschema.Schema{}
)

// schema compiles docs/schemas/NAME.schema.json.
func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	schemasLock.Lock()
	defer schemasLock.Unlock()
	if schemas[name] == nil {
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		s, err := c.Compile("../../docs/schemas/" + name + ".schema.json")
		if errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("there is no schema for %s", name)
		}
		if err != nil {
			t.Fatal(err)
		}
		schemas[name] = s
	}
	return schemas[name]
}

func follow(t *testing.T, what, name string, value any) {
	t.Helper()
	if err := schema(t, name).Validate(value); err != nil {
		t.Errorf("%s does not follow docs/schemas/%s.schema.json:\n%v", what, name, err)
	}
}

// free are the objects whose fields are up to people.
var free = []string{"columns", "options", "seconds"}

// refuseSurprises puts a field that does not exist into every object of value, one
// after the other: the schema must refuse each, or a change of what a command writes
// would go by unseen.
func refuseSurprises(t *testing.T, name string, value any) {
	t.Helper()
	s := schema(t, name)
	seen := map[string]bool{}
	var walk func(path string, at any)
	walk = func(path string, at any) {
		switch at := at.(type) {
		case map[string]any:
			if !seen[path] {
				seen[path] = true
				at["surprise"] = true
				if s.Validate(value) == nil {
					t.Errorf("the schema %s allows anything at %q", name, path)
				}
				delete(at, "surprise")
			}
			for _, key := range slices.Sorted(maps.Keys(at)) {
				if !slices.Contains(free, key) {
					walk(path+"/"+key, at[key])
				}
			}
		case []any:
			for _, item := range at {
				walk(path+"/*", item)
			}
		}
	}
	walk("", value)
}

// Every schema is one, and nobody forgot to remove one.
func TestSchemas(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/schemas/*.json")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"front": true, "run-folder": true, "drift": true, "answers": true, "supernet-table": true}
	for _, name := range commandNames(newApp(os.Stdout, os.Stderr)) {
		_, file := commandOf(strings.Fields(name))
		known[file] = true
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".schema.json")
		schema(t, name)
		if !known[name] {
			t.Errorf("%s is of no command", file)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(text) || bytes.Contains(text, []byte("\t")) {
			t.Errorf("%s: no JSON, or tabs in it", file)
		}
	}
	if len(files) != len(known) {
		t.Errorf("%d schemas, %d wanted", len(files), len(known))
	}
}
