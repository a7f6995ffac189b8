package memory

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestSpareInGroups(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what   string
		groups string
		files  map[string]string
		spare  int64
	}{
		{"no limit", "0::/a\n", map[string]string{"a/memory.max": "max\n", "a/memory.current": "5\n"}, math.MaxInt64},
		{"the root's", "0::/\n", map[string]string{"memory.max": "100\n"}, 100},
		{"a group's, of which some is used", "0::/a/b\n", map[string]string{"a/b/memory.max": "100\n", "a/b/memory.current": "30\n"}, 70},
		{"cache can be had back", "0::/a\n", map[string]string{"a/memory.max": "100\n", "a/memory.current": "90\n", "a/memory.stat": "anon 10\ninactive_file 60\n"}, 70},
		{"that of a group around it", "0::/a/b\n", map[string]string{"a/b/memory.max": "100\n", "a/memory.max": "60\n", "a/memory.current": "20\n"}, 40},
		{"more than there may be", "0::/a\n", map[string]string{"a/memory.max": "100\n", "a/memory.current": "130\n"}, 0},
		{"version 1", "5:devices:/x\n4:cpu,memory:/a\n0::/\n", map[string]string{"memory/a/memory.limit_in_bytes": "100\n", "memory/a/memory.usage_in_bytes": "30\n", "memory/a/memory.stat": "inactive_file 1\ntotal_inactive_file 10\n"}, 80},
		{"version 1, seen from a container", "4:memory:/docker/a\n", map[string]string{"memory/memory.limit_in_bytes": "100\n"}, 100},
		{"a group of another controller", "5:cpu:/a\n", map[string]string{"memory/a/memory.limit_in_bytes": "100\n", "a/memory.max": "100\n"}, math.MaxInt64},
		{"nonsense", "\n:::\n4:memory\n", nil, math.MaxInt64},
		{"out of the tree", "0::/../../a\n", map[string]string{"a/memory.max": "100\n"}, 100},
	} {
		root := t.TempDir()
		for name, text := range c.files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if spare := spareInGroups(root, c.groups); spare != c.spare {
			t.Errorf("%s: %d, want %d", c.what, spare, c.spare)
		}
	}
	if Spare() < 0 {
		t.Error("less than nothing is spare")
	}
}
