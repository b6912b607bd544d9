// shim/resolver_view.h: /etc/resolv.conf as this program shall see it: the system's, but with the
// agent's name server in place of the system's (to which it passes on what it does not know).
#pragma once

namespace culvert::shim {

// Whether opening `path` with these flags reads the file that has a view of its own.
bool is_resolver_file(const char* path, int flags);
// A descriptor of a file in memory with that text, or -1: then the system's file has to do.
// `flags`: O_CLOEXEC of them.
int open_resolver_view(int flags);

}  // namespace culvert::shim
