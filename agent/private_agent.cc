#include "agent/private_agent.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "agent/agent_client.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// $variable, or `below_home` in the home directory; empty if there is neither.
std::string user_directory(const char* variable, const char* below_home) {
  if (auto path = environment(variable); !path.empty()) return path;
  const auto home = environment("HOME");
  return home.empty() ? home : home + below_home;
}

std::string log_path() {  // empty: there is no place for it
  const auto state = user_directory("XDG_STATE_HOME", "/.local/state");
  if (state.empty()) return {};
  const auto directory = state + "/culvert";
  for (auto slash = directory.find('/', 1); slash != std::string::npos;
       slash = directory.find('/', slash + 1))
    ::mkdir(directory.substr(0, slash).c_str(), 0700);
  ::mkdir(directory.c_str(), 0700);
  return directory + "/private-agent.log";
}

UniqueFd open_log(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
  if (!fd) fd.reset(::memfd_create("culvert-log", MFD_CLOEXEC));
  return fd;
}

std::string end_of(int fd) {
  constexpr off_t kMost = 2000;
  struct stat facts {};
  if (fstat(fd, &facts) != 0) return {};
  std::array<char, kMost> text;
  const auto from = std::max<off_t>(0, facts.st_size - kMost);
  const auto size = ::pread(fd, text.data(), text.size(), from);
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
}

Result<std::string> make_directory() {
  // Behind su(1) the variable often names another user's, and in containers what is not there.
  const auto runtime = environment("XDG_RUNTIME_DIR");
  for (const auto& parent : {runtime, std::string("/tmp")}) {
    auto path = parent + "/culvert-XXXXXX";
    if (!parent.empty() && mkdtemp(path.data()) != nullptr) return path;
  }
  return fail(ErrorCode::kIo, "cannot make a directory for the agent's socket in /tmp: " +
                                  std::string(std::strerror(errno)) +
                                  "; set XDG_RUNTIME_DIR to a directory that you may write to");
}

Result<UniqueFd> open_notify_socket(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() < sizeof address.sun_path)
    std::memcpy(address.sun_path, path.data(), path.size());
  if (!fd || bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return fail(ErrorCode::kIo, "cannot make '" + path + "': " + std::strerror(errno));
  return fd;
}

struct Launch {
  std::string program, configuration, socket, notify, pid;
  int log = -1;
  int alive = -1;  // the agent holds it for as long as it lives
};

[[noreturn]] void become_agent(const Launch& launch) {
  setsid();  // the terminal's Ctrl-C is for the program
  const UniqueFd nothing(::open("/dev/null", O_RDONLY));
  dup2(nothing.get(), STDIN_FILENO);
  dup2(launch.log, STDOUT_FILENO);
  dup2(launch.log, STDERR_FILENO);
  setenv("NOTIFY_SOCKET", launch.notify.c_str(), 1);
  unsetenv("LD_PRELOAD");
  unsetenv("JOURNAL_STREAM");
  fcntl(launch.alive, F_SETFD, 0);
  execl(launch.program.c_str(), launch.program.c_str(), "--config", launch.configuration.c_str(),
        "--control-socket", launch.socket.c_str(), "--until-exit-of", launch.pid.c_str(), nullptr);
  const std::string text =
      "cannot execute '" + launch.program + "': " + std::strerror(errno) + "\n";
  [[maybe_unused]] const auto written = ::write(launch.log, text.data(), text.size());
  _exit(127);
}

bool launch_agent(const Launch& launch) {
  const pid_t between = fork();
  if (between == 0) {
    const pid_t agent = fork();
    if (agent == 0) become_agent(launch);
    _exit(agent < 0 ? 1 : 0);
  }
  int status = 1;
  while (between > 0 && waitpid(between, &status, 0) < 0 && errno == EINTR) {
  }
  return between > 0 && status == 0;
}

bool says_ready(int notify) {
  std::array<char, 4096> text;
  const auto size = recv(notify, text.data(), text.size(), MSG_DONTWAIT);
  return size > 0 &&
         std::string_view(text.data(), static_cast<std::size_t>(size)).find("READY=1") !=
             std::string_view::npos;
}

enum class Start { kReady, kEnded, kTimedOut };

Start wait_for(int notify, int alive, Duration limit) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return Start::kTimedOut;
    std::array<pollfd, 2> both{pollfd{notify, POLLIN, 0}, pollfd{alive, POLLIN, 0}};
    ::poll(both.data(), both.size(), static_cast<int>(left.count()));
    if (both[0].revents != 0 && says_ready(notify)) return Start::kReady;
    if (both[1].revents != 0) return Start::kEnded;
  }
}

}  // namespace

Result<std::string> start_private_agent(const std::string& program,
                                        const std::string& configuration, Duration limit) {
  const auto directory = make_directory();
  if (!directory) return fail(directory.error());
  const auto path = log_path();
  const auto log = open_log(path);
  Launch launch{program,
                configuration,
                *directory + "/agent.sock",
                *directory + "/ready",
                std::to_string(getpid()),
                log.get(),
                -1};
  const auto notify = open_notify_socket(launch.notify);
  if (!notify) return fail(notify.error());
  std::array<int, 2> ends{-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    return fail(ErrorCode::kIo, "cannot make a pipe: " + std::string(std::strerror(errno)));
  const UniqueFd alive(ends[0]);
  UniqueFd held(ends[1]);
  launch.alive = held.get();
  const bool launched = launch_agent(launch);
  held.reset();
  const auto start = launched ? wait_for(notify->get(), alive.get(), limit) : Start::kEnded;
  ::unlink(launch.notify.c_str());
  if (start == Start::kReady) return launch.socket;
  if (start == Start::kTimedOut && ask_agent(launch.socket, std::chrono::seconds{1}))
    return launch.socket;
  ::rmdir(directory->c_str());
  return fail(ErrorCode::kIo,
              "the agent for this command " +
                  std::string(start == Start::kEnded ? "ended at once" : "did not become ready") +
                  ". It said" + (path.empty() ? "" : " (in " + path + ")") + ":\n" +
                  end_of(log.get()));
}

}  // namespace culvert::agent
