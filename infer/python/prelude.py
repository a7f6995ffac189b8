def _paths():
    import os
    import site
    import sys

    known = list(sys.path)
    for folder in os.environ.get("ENCAS_PYTHONPATH", "").split(os.pathsep):
        if os.path.isabs(folder):
            sys.path.append(folder)
    # Python without -I has the user's own packages, too, except in a virtual environment
    # that is to have no others.
    if sys.base_prefix in site.PREFIXES and not sys.flags.no_site:
        site.addsitedir(site.getusersitepackages())
    # They come before the installed ones, as they do without -I, and after Python's own.
    added = sys.path[len(known):]
    first = [i for i, p in enumerate(known) if os.path.basename(p) in ("site-packages", "dist-packages")]
    at = first[0] if first else len(known)
    sys.path[:] = known[:at] + added + known[at:]


_paths()
del _paths
