// What the installed curl does with a no_proxy list, case by case: whoever connects to its proxy
// was not excluded, whoever connects to the place that every host is led to (--connect-to) was.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "tunnel/base/unique_fd.h"
#include "tunnel/proxies/no_proxy.h"

namespace culvert::proxies {
namespace {

constexpr const char* kHosts[] = {"www.example.org", "example.org",     "example.org.",
                                  "badexample.org",  "WWW.EXAMPLE.ORG", "host",
                                  "localhost",       "a.b.localhost",   "192.0.2.1",
                                  "192.0.3.77",      "10.1.2.3",        "127.0.0.1"};
constexpr const char* kLists[] = {"*",
                                  "*,x",
                                  "x*",
                                  "*.",
                                  "*.example.org",
                                  "example.org",
                                  ".example.org",
                                  "..example.org",
                                  "example.org.",
                                  ".example.org.",
                                  "example.org:80",
                                  "example.org:443",
                                  "example.org/8",
                                  "org",
                                  "org.",
                                  ".org",
                                  ".",
                                  "com",
                                  "http://example.org",
                                  "host",
                                  "HOST",
                                  "localhost",
                                  "192.0.2.1",
                                  "192.0.2.1.",
                                  "192.0.2.1:80",
                                  "192.000.002.001",
                                  "192.0.2",
                                  "10.",
                                  "10",
                                  "192.0.2.1/32",
                                  "192.0.2.1/33",
                                  "192.0.2.77/24",
                                  "192.0.2.0/024",
                                  "192.0.2.0/+24",
                                  "192.0.2.1/-1",
                                  "192.0.2.1/0",
                                  "0.0.0.0/0",
                                  "192.0.2.1/",
                                  "192.0.2.1/x",
                                  "192.0.2.1/24x",
                                  "192.0.2.0/24/8",
                                  "10.0.0.0/8",
                                  "10.0.0.0/7",
                                  "127.0.0.0/8",
                                  "::1",
                                  "[::1]",
                                  "::/0",
                                  "a.test,example.org",
                                  "a.test example.org",
                                  "a.test;example.org",
                                  "a.test, ,example.org",
                                  " , example.org,",
                                  "\tlocalhost 10.0.0.0/8",
                                  ",,192.0.2.0/24",
                                  "com,192.0.2.1,x",
                                  " "};

struct Listener {
  UniqueFd fd;
  int port = 0;
};

Listener listener() {
  Listener out{UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), 0};
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  EXPECT_EQ(::bind(out.fd.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
  EXPECT_EQ(::listen(out.fd.get(), 16), 0);
  EXPECT_EQ(::getsockname(out.fd.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
  out.port = ntohs(at.sin_port);
  return out;
}

// Answers whoever comes to either; nullopt: nobody came. True: to the second one.
std::optional<bool> serve_one(const Listener& proxy, const Listener& direct) {
  std::array<pollfd, 2> both{{{proxy.fd.get(), POLLIN, 0}, {direct.fd.get(), POLLIN, 0}}};
  if (::poll(both.data(), both.size(), 10000) <= 0) return std::nullopt;
  const bool second = (both[1].revents & POLLIN) != 0;
  const UniqueFd caller(::accept(both[second ? 1 : 0].fd, nullptr, nullptr));
  std::string heard(4096, '\0');
  while (heard.find("\r\n\r\n") == std::string::npos) {
    const auto got = ::read(caller.get(), heard.data(), heard.size());
    if (got <= 0) return std::nullopt;
  }
  constexpr std::string_view kAnswer =
      "HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  if (::write(caller.get(), kAnswer.data(), kAnswer.size()) < 0) return std::nullopt;
  return second;
}

TEST(NoProxy, excludes_whom_the_installed_curl_excludes) {
  if (std::system("curl --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "there is no curl";
  const auto proxy = listener(), direct = listener();
  std::string name = testing::TempDir() + "no_proxy_curl_XXXXXX";
  const UniqueFd made(::mkstemp(name.data()));
  std::ofstream rules(name);
  for (const auto* list : kLists)
    for (const auto* host : kHosts)
      rules << (rules.tellp() == 0 ? "" : "next\n")
            << "silent\nmax-time = 10\noutput = /dev/null\nproxy = http://127.0.0.1:" << proxy.port
            << "\nnoproxy = \"" << list << "\"\nconnect-to = \"::127.0.0.1:" << direct.port
            << "\"\nurl = http://" << host << "/\n";
  rules.close();
  auto* const curl = ::popen(("curl -q -K " + name).c_str(), "r");
  ASSERT_NE(curl, nullptr);
  for (const auto* list : kLists) {
    for (const auto* host : kHosts) {
      const auto excluded = serve_one(proxy, direct);
      if (!excluded) {
        ADD_FAILURE() << "curl did not come for " << list << ", " << host;
        break;
      }
      EXPECT_EQ(is_excluded(list, host), *excluded) << "no_proxy=\"" << list << "\" " << host;
    }
    if (testing::Test::HasFatalFailure()) break;
  }
  ::pclose(curl);
  ::unlink(name.c_str());
}

}  // namespace
}  // namespace culvert::proxies
