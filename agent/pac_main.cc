// culvert-pac: fetches a PAC script, shuts itself in and asks the script. Started by the agent for
// one script, spoken with as tunnel/proxies/pac_frames.h says; of no use to people.
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "tunnel/proxies/pac_answer.h"
#include "tunnel/proxies/pac_engine.h"
#include "tunnel/proxies/pac_fetch.h"
#include "tunnel/proxies/pac_frames.h"
#include "tunnel/proxies/pac_sandbox.h"

namespace culvert::proxies {
namespace {

constexpr std::chrono::seconds kFetchLimit{5};  // before the parent's patience ends (pac_run.h)

bool say(PacFrameType type, std::string_view payload) {
  std::string frame;
  append_pac_frame(frame, type, payload);
  for (std::string_view rest = frame; !rest.empty();) {
    const auto written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

class Parent final : public PacEngine::Network {
 public:
  explicit Parent(std::string own_address) : own_address_(std::move(own_address)) {}

  std::string resolve(const std::string& host) override {
    if (!say(PacFrameType::kResolve, host)) ::_exit(1);
    while (true) {
      const auto frame = take_pac_frame(input_);
      if (!frame) ::_exit(1);
      if (*frame) return (*frame)->payload;
      char buffer[1024];
      const auto size = ::read(STDIN_FILENO, &buffer[0], sizeof buffer);
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) ::_exit(1);  // nobody is left to answer to
      input_.append(&buffer[0], static_cast<std::size_t>(size));
    }
  }
  std::string own_address() override { return own_address_; }

 private:
  std::string own_address_, input_;
};

// The first line says why; then what was found in the text, as the script would have returned it.
std::string literals_of(const std::string& script, const std::string& why) {
  std::string lines = why.substr(0, why.find('\n')) + "\n";
  for (const auto& url : find_pac_literals(script)) {
    const auto split = url.find("://");
    const auto scheme = url.substr(0, split);
    const char* const word = scheme == "http"     ? "PROXY"
                             : scheme == "https"  ? "HTTPS"
                             : scheme == "socks4" ? "SOCKS4"
                                                  : "SOCKS5";
    lines += std::string(word) + " " + url.substr(split + 3) + "\n";
  }
  return lines;
}

int work(const std::string& script_url, const std::string& host, const std::string& own_address,
         char** urls) {
  drop_privileges();
  const auto script = fetch_pac_script(script_url, kFetchLimit);
  if (!script) return say(PacFrameType::kUnfetched, script.error().detail) ? 0 : 1;
  if (const auto shut = shut_sandbox(); !shut)
    return say(PacFrameType::kLiterals, literals_of(*script, shut.error().detail)) ? 0 : 1;
  say(PacFrameType::kRunning, {});
  Parent parent(own_address);
  PacEngine engine(parent);
  if (const auto loaded = engine.load(*script); !loaded)
    return say(PacFrameType::kLiterals, literals_of(*script, loaded.error().detail)) ? 0 : 1;
  for (bool any = false; *urls != nullptr; ++urls) {
    const auto returned = engine.find_proxy(*urls, host);
    any |= returned.has_value();
    if (returned)
      say(PacFrameType::kReturned, *returned);
    else if (any || urls[1] != nullptr)
      say(PacFrameType::kThrew, returned.error().detail);
    else  // it worked for none
      say(PacFrameType::kLiterals, literals_of(*script, returned.error().detail));
  }
  return 0;
}

}  // namespace
}  // namespace culvert::proxies

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fputs("culvert-pac is started by culvert-agent, not by people\n", stderr);
    return 2;
  }
  const int status = culvert::proxies::work(argv[1], argv[2], argv[3], argv + 4);
  std::_Exit(status);  // what libraries do at exit would meet the sandbox
}
