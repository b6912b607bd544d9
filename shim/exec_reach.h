// shim/exec_reach.h: whether a program that is about to be executed will have this library in it.
// One that will not (static, Go, another C library or processor) would go around Culvert without a
// word; it is started by `culvert run` instead, which knows another way, or says why there is none.
//
// Runs between vfork() and exec: system calls and the stack, no malloc, nothing global written.
#pragma once
#include <limits.h>
#include <stddef.h>

namespace culvert::shim {

// Of an ELF file, or a script whose interpreter is one. False also for what cannot be read (the
// real exec says why) and for setuid programs, which nothing may be done about.
bool is_out_of_reach(const char* path);
// The file that execvp() would run; false if none is found.
bool find_in_path(const char* file, char (&path)[PATH_MAX]);

// The arguments of `culvert run` for it: kLauncherWords, then those of the program but its own
// name.
constexpr size_t kLauncherWords = 7;
size_t count_words(char* const* argv);
void fill_launcher(char** into, const char* path, char* const* argv);

}  // namespace culvert::shim
