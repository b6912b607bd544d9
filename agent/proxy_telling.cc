#include "agent/proxy_telling.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "agent/agent_client.h"
#include "agent/desktop_asker.h"
#include "agent/own_proxy_settings.h"

namespace culvert::agent {
namespace {

class AskingGnome final : private DesktopAsker::Listener {
 public:
  proxies::ProxySettings ask() {
    const DesktopAsker asker(loop_, *this);
    loop_.run();
    return settings_;
  }

 private:
  void on_desktop_answer(const proxies::ProxySettings& settings) override {
    settings_ = settings;
    loop_.stop();
  }
  loop::Loop loop_;
  proxies::ProxySettings settings_;
};

// What the agent is to be told of them: URLs, and "pac+" with those of scripts.
std::vector<std::string> urls_of(const std::vector<NamedSettings>& all) {
  std::vector<std::string> out;
  for (const auto& from : all) {
    // no_proxy speaks of hosts that this command does not know; "*" is none at all.
    for (const auto& hint : proxies::hints_of(from.settings, "service.invalid", from.whose))
      out.push_back(hint.url);
    if (!from.settings.pac_url.empty()) out.push_back("pac+" + from.settings.pac_url);
  }
  return out;
}

}  // namespace

void tell_proxies(const std::string& socket, Duration limit) {
  auto urls = urls_of(own_proxy_settings("this program"));
  if (urls.empty() && ::geteuid() != 0 && DesktopAsker::possible())
    urls = urls_of({{AskingGnome().ask(), "the desktop (GNOME)"}});
  std::vector<std::string> told;
  for (const auto& url : urls) {
    if (url.size() > CULVERT_NAME_MAX || std::ranges::find(told, url) != told.end()) continue;
    const auto link = open_agent(socket);
    if (!link) return;
    auto question = make_question(CULVERT_TELL_PROXY);
    std::memcpy(&question.name[0], url.data(), url.size());
    if (!ask_agent_on(*link, question, limit)) return;  // of before there was this question
    told.push_back(url);
  }
}

}  // namespace culvert::agent
