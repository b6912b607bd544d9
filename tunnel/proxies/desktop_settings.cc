#include "tunnel/proxies/desktop_settings.h"

#include <algorithm>
#include <map>

#include "tunnel/base/text.h"

namespace culvert::proxies {
namespace {

using Values = std::map<std::string, std::string, std::less<>>;

std::string_view without_blanks(std::string_view text) { return trimmed(text, " \t\r"); }

template <class Take>
void each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    take(without_blanks(line));
  }
}

// A GVariant in text form, as far as these settings go: 'text', "text", a number, a boolean.
std::string unquoted(std::string_view value) {
  if (value.size() < 2 || (value.front() != '\'' && value.front() != '"') ||
      value.back() != value.front())
    return std::string(value);
  std::string out;
  for (std::size_t i = 1; i + 1 < value.size(); ++i) {
    if (value[i] == '\\' && i + 2 < value.size()) ++i;
    out += value[i];
  }
  return out;
}

// ['localhost', '127.0.0.0/8'], or "@as []".
std::string joined_list(std::string_view value) {
  std::string out, item;
  char quote = '\0';
  for (const char c : value) {
    if (quote == '\0') {
      if (c == '\'' || c == '"') quote = c;
    } else if (c == quote) {
      if (!item.empty()) out += (out.empty() ? "" : ",") + item;
      item.clear();
      quote = '\0';
    } else {
      item += c;
    }
  }
  return out;
}

std::string value_of(const Values& values, std::string_view key) {
  const auto found = values.find(key);
  return found == values.end() ? std::string{} : found->second;
}

// "host" and "8080" as a URL; empty if the host is, or the port is 0.
std::string url(std::string_view scheme, std::string host, const std::string& port) {
  if (host.empty() || port.empty() || port == "0") return {};
  if (host.find(':') != std::string::npos && !host.starts_with('[')) host = "[" + host + "]";
  return std::string(scheme) + "://" + host + ":" + port;
}

std::string gnome_url(const Values& values, const std::string& scheme, const std::string& which) {
  return url(scheme, value_of(values, which + " host"), value_of(values, which + " port"));
}

// KDE writes "http://proxy.example.org 8080", also with a colon.
std::string kde_url(std::string value, std::string_view scheme) {
  if (value.empty()) return {};
  const auto blank = value.find(' ');
  if (blank != std::string::npos) {
    const auto port = std::string(without_blanks(std::string_view(value).substr(blank)));
    value.resize(blank);
    while (value.ends_with('/')) value.pop_back();
    value += ":" + port;
  }
  if (value.starts_with("socks://")) value.erase(0, 8);
  return value.find("://") == std::string::npos ? std::string(scheme) + "://" + value : value;
}

}  // namespace

ProxySettings from_gsettings(std::string_view printed) {
  constexpr std::string_view kSchema = "org.gnome.system.proxy";
  Values values;
  each_line(printed, [&](std::string_view line) {
    if (!line.starts_with(kSchema)) return;
    line.remove_prefix(kSchema.size());
    const auto first = line.find(' ');
    const auto second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    if (second == std::string_view::npos) return;
    auto key = std::string(line.substr(0, second));  // " mode", ".http host"
    key.erase(0, 1);
    const auto value = without_blanks(line.substr(second));
    values[key] = key == "ignore-hosts" ? joined_list(value) : unquoted(value);
  });
  ProxySettings settings;
  const auto mode = value_of(values, "mode");
  if (mode == "auto") {
    settings.pac_url = value_of(values, "autoconfig-url");
    settings.discover = settings.pac_url.empty();
  }
  if (mode != "manual") return settings;
  settings.http_proxy = gnome_url(values, "http", "http");
  settings.https_proxy = gnome_url(values, "http", "https");
  settings.all_proxy = gnome_url(values, "socks5", "socks");
  settings.ftp_proxy = gnome_url(values, "http", "ftp");
  settings.no_proxy = value_of(values, "ignore-hosts");
  if (value_of(values, "http use-authentication") == "true" && !settings.http_proxy.empty()) {
    const auto user = value_of(values, "http authentication-user");
    const auto password = value_of(values, "http authentication-password");
    const auto plain = [](const std::string& text) {
      return text.find_first_of("@:/%?#[]\\ ") == std::string::npos;
    };
    if (!user.empty() && plain(user) && plain(password))
      settings.http_proxy.insert(std::string_view("http://").size(), user + ":" + password + "@");
  }
  return settings;
}

ProxySettings from_kioslaverc(std::string_view file) {
  Values values;
  bool inside = false;
  each_line(file, [&](std::string_view line) {
    if (line.starts_with('[')) inside = line == "[Proxy Settings]";
    const auto equals = line.find('=');
    if (!inside || equals == std::string_view::npos || line.starts_with('#')) return;
    auto key = line.substr(0, equals);
    key = without_blanks(key.substr(0, key.find("[$")));  // "httpProxy[$e]"
    values[std::string(key)] = without_blanks(line.substr(equals + 1));
  });
  ProxySettings settings;
  const auto type = value_of(values, "ProxyType");
  if (type == "1") {
    settings.http_proxy = kde_url(value_of(values, "httpProxy"), "http");
    settings.https_proxy = kde_url(value_of(values, "httpsProxy"), "http");
    settings.all_proxy = kde_url(value_of(values, "socksProxy"), "socks5");
    settings.ftp_proxy = kde_url(value_of(values, "ftpProxy"), "http");
    settings.no_proxy = value_of(values, "NoProxyFor");
  } else if (type == "2") {
    settings.pac_url = value_of(values, "Proxy Config Script");
  } else if (type == "3") {
    settings.discover = true;
  }
  return settings;
}

}  // namespace culvert::proxies
