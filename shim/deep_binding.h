// shim/deep_binding.h: libraries opened with RTLD_DEEPBIND, which find libc's functions before
// ours: all of PHP's extensions (its curl, its sockets), all modules of Apache and of what else
// loads by APR.
//
// Their places for our functions, and those of the libraries that came with them, are filled anew.
// The rest of what deep binding gives them stays: dropping the flag would mix up symbols that they
// keep apart.
#pragma once

namespace culvert::shim {

// After dlopen() gave `handle`, in the same thread.
void stand_in_front_of_libc_in(void* handle);

// dlopen() looks at the object that calls it, by the return address: where a name is sought (its
// DT_RUNPATH or DT_RPATH), and for $ORIGIN. Then nobody may call in its place.
bool caller_decides_what_opens(const char* file, const void* caller);

}  // namespace culvert::shim
