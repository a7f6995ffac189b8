//go:build cgo

package main

/*
#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

// Go's runtime reserves address space without using it, and aborts with the stacks of all its
// threads if there is too little. It does so while it starts, so only C can speak before.
static void __attribute__((constructor)) check_address_space(void) {
	struct rlimit limit;
	if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return;
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 1); // else every thread reserves 64 MB
#endif
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned long long need = (1600ULL + 16ULL * (processors > 0 ? processors : 1)) << 20;
	if (limit.rlim_cur >= need)
		return;
	dprintf(2, "error: ulimit -v leaves %llu MB of address space, and this program reserves %llu MB on this machine, "
		"most of which it never uses: run it after 'ulimit -v unlimited', and limit memory with a control group "
		"(systemd-run --scope -p MemoryMax=1G) instead\n",
		(unsigned long long)limit.rlim_cur >> 20, need >> 20);
	_exit(1);
}
*/
import "C"
