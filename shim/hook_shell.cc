// shim/hook_shell.cc: system() and popen(), whose shell libc starts by itself, with the program's
// environment as it is. Where that was cleared (clearenv()), the shell is told to put Culvert's
// variables back for what it starts: no program sees its own `environ` change, nor do its threads.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/exec_environment.h"
#include "shim/export.h"
#include "shim/program_memory.h"
#include "shim/real.h"
#include "shim/settings.h"

namespace culvert::shim {
namespace {

using Strings = char* const*;

constexpr char kExport[] = "export";
constexpr char kQuoteInQuotes[] = "'\\''";
constexpr size_t kMostText = 64 * 1024;  // beyond, the stack of a small thread is in danger

// Whether `entry` stands in the program's own environment already.
bool is_theirs(const char* entry) {
  if (environ == nullptr) return false;
  for (Strings one = environ; *one != nullptr; ++one)
    if (*one == entry) return true;
  return false;
}

// Each octet may be a quotation mark.
size_t quoted_size(const char* text) { return strlen(text) * (sizeof kQuoteInQuotes - 1) + 3; }

// " NAME='value'"
char* put_quoted(char* out, const char* entry) {
  const char* value = strchr(entry, '=') + 1;
  *out++ = ' ';
  out = static_cast<char*>(mempcpy(out, entry, static_cast<size_t>(value - entry)));
  *out++ = '\'';
  for (; *value != '\0'; ++value) {
    if (*value == '\'')
      out = stpcpy(out, kQuoteInQuotes);
    else
      *out++ = *value;
  }
  *out++ = '\'';
  return out;
}

// In the same line, so that what the shell says of the program's own lines keeps their numbers.
void put_command(char* out, Strings environment, const char* command) {
  out = stpcpy(out, kExport);
  for (; *environment != nullptr; ++environment)
    if (!is_theirs(*environment)) out = put_quoted(out, *environment);
  strcpy(stpcpy(out, "; "), command);
}

size_t command_size(Strings environment, const char* command) {
  size_t size = sizeof kExport + 2 + strlen(command);
  for (; *environment != nullptr; ++environment)
    if (!is_theirs(*environment)) size += quoted_size(*environment);
  return size;
}

// start(command) with one that puts back what is missing in the environment.
template <typename Start>
auto with_variables(const char* command, Start start) {
  if (command == nullptr || !settings.active || !is_readable(command, 1)) return start(command);
  const ExecEnvironment environment(environ);
  if (environment.is_complete()) return start(command);
  Strings whole =
      environment.build(alloca(environment.entries_size()), alloca(environment.preload_size()));
  const size_t size = command_size(whole, command);
  if (size > kMostText) return start(command);
  auto* text = static_cast<char*>(alloca(size));
  put_command(text, whole, command);
  return start(static_cast<const char*>(text));
}

// Only a call from another library's constructor, before ours, finds them missing.
void need_real_functions() {
  if (real.system == nullptr) find_real_functions();
}

}  // namespace
}  // namespace culvert::shim

CULVERT_INTERPOSE int system(const char* command) {
  using namespace culvert::shim;
  need_real_functions();
  return with_variables(command, [](const char* text) { return real.system(text); });
}

CULVERT_INTERPOSE FILE* popen(const char* command, const char* mode) {
  using namespace culvert::shim;
  need_real_functions();
  return with_variables(command, [mode](const char* text) { return real.popen(text, mode); });
}
