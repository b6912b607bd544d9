#include "agent/netrc.h"

#include <algorithm>

namespace culvert::agent {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

// The next word, without its quotes; empty at the end. A comment reaches to the end of its line.
std::string take_word(std::string_view& text) {
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
    if (!text.starts_with('#')) break;
    text.remove_prefix(std::min(text.find('\n'), text.size()));
  }
  std::string word;
  if (!text.starts_with('"')) {
    word = text.substr(0, text.find_first_of(kSpace));
    text.remove_prefix(word.size());
    return word;
  }
  for (text.remove_prefix(1); !text.empty() && text.front() != '"'; text.remove_prefix(1)) {
    if (text.front() == '\\' && text.size() > 1) text.remove_prefix(1);
    word += text.front();
  }
  if (!text.empty()) text.remove_prefix(1);
  return word;
}

void skip_macro(std::string_view& text) {  // up to an empty line
  text.remove_prefix(std::min(text.find("\n\n"), text.size()));
}

}  // namespace

carrier::ProxyCredentials credentials_of(const std::string& login, const std::string& password) {
  const auto slash = login.find('\\');
  if (slash == login.npos) return {{}, login, password};
  return {login.substr(0, slash), login.substr(slash + 1), password};
}

std::optional<carrier::ProxyCredentials> find_in_netrc(std::string_view text,
                                                       std::string_view host) {
  bool ours = false;
  std::string login, password;
  while (!text.empty()) {
    const auto word = take_word(text);
    if (word == "machine" || word == "default") {
      if (ours && !login.empty()) break;
      login.clear();
      password.clear();
      ours = word == "default" || take_word(text) == host;
    } else if (word == "login") {
      login = take_word(text);
    } else if (word == "password") {
      password = take_word(text);
    } else if (word == "account") {
      (void)take_word(text);
    } else if (word == "macdef") {
      skip_macro(text);
    }
  }
  if (!ours || login.empty()) return std::nullopt;
  return credentials_of(login, password);
}

}  // namespace culvert::agent
