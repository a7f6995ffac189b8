package ingest

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseShard reads which part of a list, or of a search, is to be done, I/N with I from 0, or nothing or
// /N where a batch system numbers its tasks: an indexed job of Kubernetes, which does
// not know how many they are, or a job array of Slurm. There a task does the part of its
// own number, whichever other tasks are submitted with it: tasks 3 and 7 of ten,
// submitted again, are parts 3 and 7. So numbers are from 0, and an array that leaves
// tasks out has to say N. Without parts n is 0.
func ParseShard(flag string, env func(string) string) (i, n int, err error) {
	index, count, ok := strings.Cut(flag, "/")
	if flag != "" && !ok {
		return 0, 0, fmt.Errorf("--shard %q is not of the form I/N", flag)
	}
	if index == "" && env("SLURM_ARRAY_TASK_ID") != "" {
		return slurmShard(count, env)
	}
	if id := env("JOB_COMPLETION_INDEX"); index == "" && id != "" && flag != "" {
		index = id
	}
	if index == "" && count == "" {
		return 0, 0, nil
	}
	if index == "" {
		return 0, 0, fmt.Errorf("--shard /%s is for a task of an array: neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set; elsewhere name the part, as in --shard 0/%s", count, count)
	}
	i, err1 := strconv.Atoi(index)
	n, err2 := strconv.Atoi(count)
	if err1 != nil || err2 != nil || i < 0 || n < 1 || i >= n {
		return 0, 0, fmt.Errorf("there is no part %q of %q: --shard takes I/N, I from 0 to N-1", index, count)
	}
	return i, n, nil
}

// slurmShard is the part of a task of an array, of count parts or, without, of as many
// as the array has tasks.
func slurmShard(count string, env func(string) string) (i, n int, err error) {
	number := func(key string, otherwise int) int {
		if v := env("SLURM_ARRAY_TASK_" + key); v != "" && err == nil {
			if otherwise, err = strconv.Atoi(v); err != nil || otherwise < 0 {
				err = fmt.Errorf("SLURM_ARRAY_TASK_%s is %q and not a number", key, v)
			}
		}
		return otherwise
	}
	id := number("ID", 0)
	first, last := number("MIN", id), number("MAX", id)
	tasks, step := number("COUNT", 1), max(number("STEP", 1), 1)
	if err != nil {
		return 0, 0, err
	}
	// An array from 0 without gaps, whose numbers may be apart.
	whole := env("SLURM_ARRAY_TASK_MAX") != "" && first == 0 && last == (tasks-1)*step && id%step == 0 && id <= last
	array := fmt.Sprintf("this is task %d of a Slurm array of %d from %d to %d", id, tasks, first, last)
	if count == "" {
		if !whole {
			return 0, 0, fmt.Errorf("%s, which does not say how many parts there are: give their number with --shard /N, N above %d, to do part %d (parts are from 0, as in --array=0-9), or --shard 0/1 to do all in one", array, last, id)
		}
		return id / step, tasks, nil
	}
	if n, err = strconv.Atoi(count); err != nil || n < 1 {
		return 0, 0, fmt.Errorf("--shard /%s: want a number of parts", count)
	}
	switch {
	case whole && tasks == n:
		return id / step, n, nil
	case last >= n:
		return 0, 0, fmt.Errorf("%s, and --shard /%d has parts 0 to %d: number the tasks from 0 (--array=0-%d), or give part and number, as in --shard $((SLURM_ARRAY_TASK_ID-1))/%d", array, n, n-1, n-1, n)
	}
	return id, n, nil
}

// part is every n-th entry from the i-th on; all of them without parts.
func part(entries []Entry, i, n int) (mine []Entry) {
	for ; i < len(entries); i += max(n, 1) {
		mine = append(mine, entries[i])
	}
	return mine
}
