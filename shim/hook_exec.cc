// shim/hook_exec.cc: the exec family and posix_spawn, so that a program that clears the
// environment of its children does not lose Culvert by it. All of them are needed: libc's own
// calls from one to another do not pass through interposed symbols.
#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "shim/exec_environment.h"
#include "shim/exec_reach.h"
#include "shim/export.h"
#include "shim/real.h"
#include "shim/settings.h"

namespace culvert::shim {
namespace {

using Strings = char* const*;

// Only an exec from another library's constructor, before ours, finds them missing.
void need_real_functions() {
  if (real.execvpe == nullptr) find_real_functions();
}

// exec(path, argv): of the program, or of the launcher where the program would be out of reach.
template <typename Exec>
int in_reach(const char* path, Strings argv, Strings envp, Exec exec) {
  if (ExecEnvironment(envp).is_declined() || !is_out_of_reach(path)) return exec(path, argv);
  auto** words =
      static_cast<char**>(alloca((kLauncherWords + count_words(argv) + 1) * sizeof(char*)));
  fill_launcher(words, path, argv);
  return exec(settings.run.value(), words);
}

int execute(const char* path, Strings argv, Strings envp) {
  return in_reach(path, argv, envp, [&](const char* its_path, Strings words) {
    return with_culvert(envp, [&](Strings env) { return real.execve(its_path, words, env); });
  });
}

int execute_from_path(const char* file, Strings argv, Strings envp) {
  need_real_functions();
  char path[PATH_MAX];
  if (find_in_path(file, path) && is_out_of_reach(path)) return execute(path, argv, envp);
  return with_culvert(envp, [&](Strings env) { return real.execvpe(file, argv, env); });
}

// A program named by a descriptor, which may be closed by the time that the launcher looks for it:
// it goes by the file's name, if there is one.
bool name_of_descriptor(int fd, char (&path)[PATH_MAX]) {
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size <= 0 || path[0] != '/') return false;
  path[size] = '\0';
  return access(path, X_OK) == 0;
}

int execute_descriptor(int fd, Strings argv, Strings envp) {
  need_real_functions();
  const int before = errno;
  char path[PATH_MAX];
  const bool launched = name_of_descriptor(fd, path) && is_out_of_reach(path);
  errno = before;
  if (launched) return execute(path, argv, envp);
  return with_culvert(envp, [&](Strings env) { return real.fexecve(fd, argv, env); });
}

int spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
          const posix_spawnattr_t* attributes, Strings argv, Strings envp) {
  need_real_functions();
  return in_reach(path, argv, envp, [&](const char* its_path, Strings words) {
    return with_culvert(envp, [&](Strings env) {
      return real.posix_spawn(pid, its_path, actions, attributes, words, env);
    });
  });
}

size_t count_arguments(const char* first, va_list rest) {
  size_t count = 0;
  for (const char* argument = first; argument != nullptr; argument = va_arg(rest, const char*))
    ++count;
  return count;
}

// exec(argv, rest): the variable arguments of an execl(), on the stack until it returns, and what
// comes behind their final null pointer.
template <typename Exec>
int with_arguments(const char* first, va_list arguments, Exec exec) {
  va_list rest;
  va_copy(rest, arguments);
  const size_t count = count_arguments(first, rest);
  va_end(rest);
  auto** argv = static_cast<char**>(alloca((count + 1) * sizeof(char*)));
  va_copy(rest, arguments);
  argv[0] = const_cast<char*>(first);
  for (size_t i = 1; i <= count; ++i) argv[i] = va_arg(rest, char*);
  const int result = exec(argv, rest);
  va_end(rest);
  return result;
}

}  // namespace
}  // namespace culvert::shim

using culvert::shim::execute;
using culvert::shim::execute_descriptor;
using culvert::shim::execute_from_path;
using culvert::shim::find_in_path;
using culvert::shim::is_out_of_reach;
using culvert::shim::need_real_functions;
using culvert::shim::real;
using culvert::shim::spawn;
using culvert::shim::Strings;
using culvert::shim::with_arguments;
using culvert::shim::with_culvert;

CULVERT_INTERPOSE int execve(const char* path, Strings argv, Strings envp) noexcept {
  return execute(path, argv, envp);
}

CULVERT_INTERPOSE int execv(const char* path, Strings argv) noexcept {
  return execute(path, argv, environ);
}

CULVERT_INTERPOSE int execvp(const char* file, Strings argv) noexcept {
  return execute_from_path(file, argv, environ);
}

CULVERT_INTERPOSE int execvpe(const char* file, Strings argv, Strings envp) noexcept {
  return execute_from_path(file, argv, envp);
}

CULVERT_INTERPOSE int execl(const char* path, const char* first, ...) noexcept {
  va_list arguments;
  va_start(arguments, first);
  const int result = with_arguments(
      first, arguments, [&](char** argv, va_list) { return execute(path, argv, environ); });
  va_end(arguments);
  return result;
}

CULVERT_INTERPOSE int execlp(const char* file, const char* first, ...) noexcept {
  va_list arguments;
  va_start(arguments, first);
  const int result = with_arguments(first, arguments, [&](char** argv, va_list) {
    return execute_from_path(file, argv, environ);
  });
  va_end(arguments);
  return result;
}

CULVERT_INTERPOSE int execle(const char* path, const char* first, ...) noexcept {
  va_list arguments;
  va_start(arguments, first);
  const int result = with_arguments(first, arguments, [&](char** argv, va_list rest) {
    return execute(path, argv, va_arg(rest, char**));
  });
  va_end(arguments);
  return result;
}

CULVERT_INTERPOSE int fexecve(int fd, Strings argv, Strings envp) noexcept {
  return execute_descriptor(fd, argv, envp);
}

CULVERT_INTERPOSE int execveat(int directory, const char* path, Strings argv, Strings envp,
                               int flags) noexcept {
  return with_culvert(
      envp, [&](Strings env) { return real.execveat(directory, path, argv, env, flags); });
}

CULVERT_INTERPOSE int posix_spawn(pid_t* pid, const char* path,
                                  const posix_spawn_file_actions_t* actions,
                                  const posix_spawnattr_t* attributes, Strings argv, Strings envp) {
  return spawn(pid, path, actions, attributes, argv, envp);
}

CULVERT_INTERPOSE int posix_spawnp(pid_t* pid, const char* file,
                                   const posix_spawn_file_actions_t* actions,
                                   const posix_spawnattr_t* attributes, Strings argv,
                                   Strings envp) {
  need_real_functions();
  char path[PATH_MAX];
  if (find_in_path(file, path) && is_out_of_reach(path))
    return spawn(pid, path, actions, attributes, argv, envp);
  return with_culvert(envp, [&](Strings env) {
    return real.posix_spawnp(pid, file, actions, attributes, argv, env);
  });
}
