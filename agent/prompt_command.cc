#include "agent/prompt_command.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "agent/program_path.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {
namespace {

constexpr std::chrono::seconds kPatience{60};

// The controlling terminal: proc(5), /proc/PID/stat, the fifth field behind the name in brackets.
std::string terminal_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(std::min(text.rfind(')'), text.size() - 1) + 1));
  std::string skipped;
  unsigned number = 0;
  if (text.empty() || !(fields >> skipped >> skipped >> skipped >> skipped >> number)) return {};
  constexpr unsigned kFirstPts = 136, kLastPts = 143, kConsole = 4;
  const auto high = major(number), low = minor(number);
  if (high >= kFirstPts && high <= kLastPts)
    return "/dev/pts/" + std::to_string((high - kFirstPts) * 256 + low);
  return high == kConsole ? "/dev/tty" + std::to_string(low) : "";
}

// What the answer means, or nothing: asked again.
int meaning_of(std::string_view line) {
  const auto first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos) return -1;
  if (line[first] == 'y' || line[first] == 'Y') return kPromptYes;
  return line[first] == 'n' || line[first] == 'N' ? kPromptNo : -1;
}

int ask_on(int terminal, const std::string& question) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  const auto say = [&](const std::string& text) {
    return ::write(terminal, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  };
  while (say("culvert: " + question + " [y/n] ")) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd one{terminal, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&one, 1, static_cast<int>(left.count())) <= 0) break;
    std::array<char, 256> line;
    const auto size = ::read(terminal, line.data(), line.size());
    if (size <= 0) return kPromptNobody;
    const int answer = meaning_of({line.data(), static_cast<std::size_t>(size)});
    if (answer >= 0) return answer;
  }
  say("\nculvert: nobody answered: not published\n");
  return kPromptNobody;
}

// An agent that runs as root must not open a terminal, nor start a dialog with the environment, of
// a user as root.
bool become_user_of(const std::string& pid) {
  struct stat process {};
  if (::stat(("/proc/" + pid).c_str(), &process) != 0) return false;
  if (::geteuid() != 0 || process.st_uid == 0) return true;
  return ::setgroups(0, nullptr) == 0 && ::setgid(process.st_gid) == 0 &&
         ::setuid(process.st_uid) == 0;
}

// The display of the program, which need not be the agent's.
bool take_display_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/environ");
  bool found = false;
  for (std::string entry; std::getline(file, entry, '\0');) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos) continue;
    const auto name = entry.substr(0, equals);
    for (const char* wanted : {"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR",
                               "DBUS_SESSION_BUS_ADDRESS"})
      if (name == wanted) setenv(wanted, entry.c_str() + equals + 1, 1);
    found = found || name == "DISPLAY" || name == "WAYLAND_DISPLAY";
  }
  return found;
}

int ask_by_dialog(const std::string& question) {
  const std::string path = "/usr/local/bin:/usr/bin:/bin";
  std::vector<std::string> words;
  if (const auto zenity = find_program("zenity", path))
    words = {*zenity,           "--question",   "--no-markup",
             "--title=Culvert", "--timeout=60", "--text=" + question};
  else if (const auto kdialog = find_program("kdialog", path))
    words = {"/usr/bin/timeout", "60", *kdialog, "--title", "Culvert", "--yesno", question};
  else
    return kPromptNobody;
  std::vector<char*> argv;
  std::transform(words.begin(), words.end(), std::back_inserter(argv),
                 [](auto& word) { return word.data(); });
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execv(argv[0], argv.data());
    ::_exit(kPromptNobody);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) < 0 || !WIFEXITED(status)) return kPromptNobody;
  return WEXITSTATUS(status) == 0   ? kPromptYes
         : WEXITSTATUS(status) == 1 ? kPromptNo
                                    : kPromptNobody;
}

}  // namespace

int prompt_command(std::span<char* const> arguments) {
  if (arguments.size() != 3) return kPromptNobody;
  const std::string pid = arguments[0];
  std::string program = arguments[2];
  // The name of a file may hold what a terminal takes for commands.
  std::replace_if(
      program.begin(), program.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  const auto question = "may " + program + " (process " + pid + ") publish port " + arguments[1] +
                        ", so that others reach it at this machine's virtual name?";
  const auto terminal = terminal_of(pid);
  if (!become_user_of(pid)) return kPromptNobody;
  if (!terminal.empty()) {
    const UniqueFd fd(::open(terminal.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (fd) return ask_on(fd.get(), question);
  }
  return take_display_of(pid) ? ask_by_dialog(question) : kPromptNobody;
}

}  // namespace culvert::agent
