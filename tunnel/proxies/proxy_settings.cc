#include "tunnel/proxies/proxy_settings.h"

#include <algorithm>
#include <array>

#include "tunnel/base/text.h"
#include "tunnel/proxies/no_proxy.h"

namespace culvert::proxies {
namespace {

using Member = std::string ProxySettings::*;
struct Name {
  std::string_view name;
  Member member;
};
constexpr std::array kNames{Name{"http_proxy", &ProxySettings::http_proxy},
                            Name{"https_proxy", &ProxySettings::https_proxy},
                            Name{"all_proxy", &ProxySettings::all_proxy},
                            Name{"ftp_proxy", &ProxySettings::ftp_proxy},
                            Name{"no_proxy", &ProxySettings::no_proxy},
                            Name{"pac_url", &ProxySettings::pac_url}};

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
  });
}

// As people write them: blanks or quotes around it (files that no shell reads), no scheme (curl
// takes that for an HTTP proxy), a path, and logins with blanks or with a '%' that begins no
// escape.
std::string as_url(std::string_view value) {
  constexpr std::string_view kHexadecimal = "0123456789abcdefABCDEF";
  value = trimmed(value);
  if (value.size() > 1 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0])
    value = trimmed(value.substr(1, value.size() - 2));
  std::string url = "http://";
  if (const auto scheme = value.find("://"); scheme != value.npos) {
    url = value.substr(0, scheme + 3);
    value.remove_prefix(scheme + 3);
  }
  const auto at = value.rfind('@');
  const auto login = value.substr(0, at == value.npos ? 0 : at + 1);
  for (std::size_t i = 0; i < login.size(); ++i) {
    const auto next = login.substr(i + 1, 2);
    const bool escapes = next.size() == 2 && next.find_first_not_of(kHexadecimal) == next.npos;
    if (login[i] == ' ' || (login[i] == '%' && !escapes))
      url += login[i] == ' ' ? "%20" : "%25";
    else
      url += login[i];
  }
  value.remove_prefix(login.size());
  return url.append(value.substr(0, value.find('/')));
}

}  // namespace

bool ProxySettings::empty() const { return *this == ProxySettings{}; }

ProxySettings from_environment(const std::function<const char*(const char*)>& variable) {
  const auto first_of = [&](const char* one, const char* other) -> std::string {
    const char* value = variable(one);
    if (value == nullptr || *value == '\0') value = variable(other);
    // A variable that could forge a line of to_text() is no setting.
    return value == nullptr || has_control_character(value) ? std::string{} : std::string(value);
  };
  ProxySettings settings;
  // To a CGI program HTTP_PROXY is what a visitor has sent (CVE-2016-5385).
  const bool is_cgi = variable("REQUEST_METHOD") != nullptr;
  settings.http_proxy = first_of("http_proxy", is_cgi ? "http_proxy" : "HTTP_PROXY");
  settings.https_proxy = first_of("https_proxy", "HTTPS_PROXY");
  settings.all_proxy = first_of("all_proxy", "ALL_PROXY");
  settings.ftp_proxy = first_of("ftp_proxy", "FTP_PROXY");
  settings.no_proxy = first_of("no_proxy", "NO_PROXY");
  return settings;
}

std::string to_text(const ProxySettings& settings) {
  std::string text;
  for (const auto& [name, member] : kNames) {
    const auto& value = settings.*member;
    if (!value.empty()) text += std::string(name) + "=" + value + "\n";
  }
  if (settings.discover) text += "discover=yes\n";
  return text;
}

Result<ProxySettings> settings_from_text(std::string_view text) {
  if (text.size() > kMostSettings)
    return fail(ErrorCode::kBadInput, "the proxy settings are longer than 64 KiB");
  ProxySettings settings;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty()) continue;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || has_control_character(line))
      return fail(ErrorCode::kBadInput, "a line of the proxy settings is not NAME=VALUE");
    const auto name = line.substr(0, equals), value = line.substr(equals + 1);
    const auto* known = std::ranges::find(kNames, name, &Name::name);
    if (known != kNames.end())
      settings.*(known->member) = value;
    else if (name == "discover")
      settings.discover = value == "yes";
    else
      return fail(ErrorCode::kBadInput, "the proxy settings have an unknown name");
  }
  return settings;
}

std::vector<Hint> hints_of(const ProxySettings& settings, std::string_view host,
                           std::string_view whose) {
  std::vector<Hint> hints;
  if (is_excluded(settings.no_proxy, host)) return hints;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    auto url = as_url(value);
    const bool known =
        std::any_of(hints.begin(), hints.end(), [&](const Hint& hint) { return hint.url == url; });
    if (!known)
      hints.push_back({std::move(url), std::string(name) + " of " + std::string(whose), true});
  };
  if (!settings.https_proxy.empty())
    add("https_proxy", settings.https_proxy);
  else
    add("all_proxy", settings.all_proxy);
  add("http_proxy", settings.http_proxy);
  add("ftp_proxy", settings.ftp_proxy);
  return hints;
}

}  // namespace culvert::proxies
