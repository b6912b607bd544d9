// culvert-test-link: a link of chosen delay, rate and faults for TCP connections, in user space.
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "tests/link/link.h"

namespace culvert::link {
namespace {

constexpr const char* kUsage =
    "usage: culvert-test-link --to ADDRESS:PORT [--listen ADDRESS:PORT]\n"
    "                         [--shape 'DELAY_MS [RATE_MBIT [QUEUE_KIB]]'] [--window-kib N]\n"
    "\n"
    "Accepts TCP connections (default 127.0.0.1:0), prints the port as one line, and passes all "
    "of\n"
    "each on to --to DELAY_MS later (one way; connection.h says how round trips are counted). "
    "Each\n"
    "direction has one bottleneck for all connections, with a queue that is bounded (it pushes\n"
    "back) or not; 0 means no limit. At most --window-kib (65536) per direction are on their way.\n"
    "\n"
    "Commands come on standard input, a line each, and are answered by a line; its end ends all.\n"
    "  stats             JSON: connections now and ever, those that were reset, octets delivered\n"
    "                    up (from who connected) and down, octets held, numbers of open ones\n"
    "  reset [NUMBER]    reset all connections, or that one, now and to both sides\n"
    "  drop-after N      reset each connection when it has carried N octets in all (0: never)\n"
    "  stall, go         nothing moves, and nothing is lost\n"
    "  blackhole         all open connections and new ones lose whatever comes, for ever and "
    "silently\n"
    "  refuse            the port is closed; open connections go on\n"
    "  open              back to normal\n"
    "  shape ...         as --shape, for what is sent from now on\n";

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "culvert-test-link: %s\n", what.c_str());
  std::exit(2);
}

TimePoint clock_now() {
  return TimePoint{
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

// Standard input, cut into lines.
class Console final : public Watched {
 public:
  explicit Console(Link& link) : link_(link) {}
  bool ended() const { return ended_; }
  void serve();  // not from on_events(): a command may end connections that events point to

 private:
  void on_events(std::uint32_t) override { asked_ = true; }

  Link& link_;
  std::string text_;
  bool asked_ = false, ended_ = false;
};

void Console::serve() {
  if (!std::exchange(asked_, false)) return;
  std::array<char, 4096> chunk;
  const auto count = ::read(STDIN_FILENO, chunk.data(), chunk.size());
  if (count <= 0) {
    ended_ = true;
    return;
  }
  text_.append(chunk.data(), static_cast<std::size_t>(count));
  for (auto end = text_.find('\n'); end != std::string::npos; end = text_.find('\n')) {
    std::printf("%s\n", link_.command(text_.substr(0, end), clock_now()).c_str());
    text_.erase(0, end + 1);
  }
  std::fflush(stdout);
}

SocketAddress address(const std::string& text) {  // SocketAddress::parse() refuses port 0
  const auto colon = text.rfind(':');
  const auto ip = IpAddress::parse(text.substr(0, colon));
  std::uint16_t port = 0;
  if (!ip || colon == std::string::npos ||
      std::from_chars(text.data() + colon + 1, text.data() + text.size(), port).ec != std::errc{})
    give_up("'" + text + "' is not ADDRESS:PORT");
  return {*ip, port};
}

struct Arguments {
  SocketAddress to, listen;
  Shape shape;
};

Arguments parse(int argc, char** argv) {
  Arguments out{.to = {}, .listen = address("127.0.0.1:0"), .shape = {}};
  out.shape.window = std::size_t{64} << 20;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--to")
      out.to = address(argv[i + 1]);
    else if (option == "--listen")
      out.listen = address(argv[i + 1]);
    else if (option == "--window-kib")
      out.shape.window = std::strtoul(argv[i + 1], nullptr, 10) * 1024;
    else if (option != "--shape" || !read_shape(argv[i + 1], out.shape))
      give_up("'" + option + " " + argv[i + 1] + "' is not understood; see --help");
  }
  if (argc % 2 == 0 || out.to.port == 0) {
    std::fputs(kUsage, stdout);
    std::exit(argc == 2 && std::strcmp(argv[1], "--help") == 0 ? 0 : 2);
  }
  return out;
}

void wait(int epoll, TimePoint until, TimePoint now) {
  std::array<epoll_event, 256> events{};
  timespec limit{};
  const auto rest = std::max(until - now, Duration{0});
  limit.tv_sec = static_cast<time_t>(rest / std::chrono::seconds{1});
  limit.tv_nsec = static_cast<long>((rest % std::chrono::seconds{1}).count());
  const bool forever = until == TimePoint::max();
  const int count = ::epoll_pwait2(epoll, events.data(), static_cast<int>(events.size()),
                                   forever ? nullptr : &limit, nullptr);
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    static_cast<Watched*>(event.data.ptr)->on_events(event.events);
  }
}

int run(const Arguments& arguments) {
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  Link link(epoll.get(), arguments.to, arguments.shape);
  const auto port = link.listen(arguments.listen);
  if (port == 0) give_up(std::string("cannot listen: ") + std::strerror(errno));
  Console console(link);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = static_cast<Watched*>(&console)}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
    give_up("standard input must be a pipe or a terminal: its end ends the program");
  std::printf("%u\n", unsigned{port});
  std::fflush(stdout);
  while (!console.ended()) {
    const auto now = clock_now();
    link.step(now);
    wait(epoll.get(), link.next_step(now), now);
    console.serve();
  }
  return 0;
}

}  // namespace
}  // namespace culvert::link

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  return culvert::link::run(culvert::link::parse(argc, argv));
}
