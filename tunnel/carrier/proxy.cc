#include "tunnel/carrier/proxy.h"

#include <sodium.h>

#include <algorithm>

#include "tunnel/base/text.h"

namespace culvert::carrier {
namespace {

struct Scheme {
  std::string_view name;
  ProxyKind kind;
  std::uint16_t port;
};
// Names are always left to the proxy (the site may not resolve them), so socks5 means socks5h.
constexpr Scheme kSchemes[] = {
    {"http", ProxyKind::kHttp, 80},       {"https", ProxyKind::kHttps, 443},
    {"socks4", ProxyKind::kSocks4, 1080}, {"socks4a", ProxyKind::kSocks4a, 1080},
    {"socks5", ProxyKind::kSocks5, 1080}, {"socks5h", ProxyKind::kSocks5, 1080},
    {"socks", ProxyKind::kSocks5, 1080},  // GNOME's ALL_PROXY
    {"ftp", ProxyKind::kFtp, 21},
};
constexpr std::string_view kArrow = " -> ";
constexpr std::size_t kMaxUrl = 2048;
constexpr std::size_t kMaxLogin = 255;  // octets of user or password: RFC 1929 has no more

tl::unexpected<Error> bad(const std::string& why) {
  return fail(ErrorCode::kBadInput, why +
                                        "; write for example \"http://proxy.example.net:3128\" or "
                                        "\"socks5://user:password@192.0.2.1:1080\"");
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char low = ascii_lower(c);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

// What is decoded goes into headers and SOCKS messages: no control characters, however written.
Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        return bad(
            "the proxy's user or password has a '%' that is not followed by two "
            "hexadecimal digits (write %25 for the sign itself)");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f)
      return bad("the proxy's user or password has a control character");
    out += c;
  }
  if (out.size() > kMaxLogin) return bad("the proxy's user or password is longer than 255 octets");
  return out;
}

Result<ProxyCredentials> read_credentials(std::string_view text) {
  const auto colon = text.find(':');
  auto user = percent_decode(text.substr(0, colon));
  if (!user) return fail(user.error());
  auto password = percent_decode(colon == text.npos ? std::string_view{} : text.substr(colon + 1));
  if (!password) return fail(password.error());
  if (user->empty() && !password->empty()) return bad("the proxy's password lacks a user");
  const auto slash = user->find('\\');
  if (slash == user->npos) return ProxyCredentials{{}, *std::move(user), *std::move(password)};
  return ProxyCredentials{user->substr(0, slash), user->substr(slash + 1), *std::move(password)};
}

bool is_host_name(std::string_view host) {
  return host.size() <= 253 && std::ranges::all_of(host, [](char c) {
           return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
                  c == '-' || c == '.' || c == '_';
         });
}

Result<Proxy> parse_one(std::string_view url) {
  if (std::ranges::any_of(url, [](char c) { return (c >= 0 && c <= ' ') || c == 0x7f; }))
    return bad("the proxy's URL has a space, a line end or another octet that no URL has");
  Proxy proxy;
  std::uint16_t port = 80;
  if (const auto end = url.find("://"); end != url.npos) {
    std::string name(url.substr(0, end));
    std::ranges::transform(name, name.begin(), ascii_lower);
    const auto* scheme = std::ranges::find(kSchemes, name, &Scheme::name);
    if (scheme == std::end(kSchemes))
      return bad("a proxy's URL begins with http, https, socks4, socks4a, socks5 or ftp");
    proxy.kind = scheme->kind;
    port = scheme->port;
    url.remove_prefix(end + 3);
  }
  if (url.ends_with('/')) url.remove_suffix(1);
  if (const auto at = url.rfind('@'); at != url.npos) {
    auto credentials = read_credentials(url.substr(0, at));
    if (!credentials) return fail(credentials.error());
    if (!credentials->user.empty()) proxy.credentials = *std::move(credentials);
    url.remove_prefix(at + 1);
  }
  if (url.find_first_of("/?#") != url.npos) return bad("the proxy's URL has something behind it");
  const auto place = HostPort::parse(url, port);
  if (!place) return bad("the proxy's place " + place.error().detail);
  if (!IpAddress::parse(place->host) && !is_host_name(place->host))
    return bad("the proxy's host is neither a name nor an address");
  proxy.at = *place;
  return proxy;
}

}  // namespace

ProxyCredentials::ProxyCredentials(std::string in_domain, std::string of_user,
                                   std::string his_password)
    : domain(std::move(in_domain)), user(std::move(of_user)), password(std::move(his_password)) {}

ProxyCredentials::~ProxyCredentials() { sodium_memzero(password.data(), password.size()); }

std::string_view to_string(ProxyKind kind) {
  for (const auto& scheme : kSchemes)
    if (scheme.kind == kind) return scheme.name;
  return "http";
}

std::string Proxy::to_string() const {
  std::string text;
  for (const auto& hop : before) text += hop.to_string() + std::string(kArrow);
  return text + std::string(carrier::to_string(kind)) + "://" + at.to_string();
}

bool Proxy::is_same_place(const Proxy& other) const {
  return kind == other.kind && at == other.at &&
         std::ranges::equal(before, other.before, [](const Proxy& one, const Proxy& another) {
           return one.is_same_place(another);
         });
}

bool Proxy::has_credentials() const {
  return credentials.has_value() || std::ranges::any_of(before, &Proxy::has_credentials);
}

void Proxy::forget_credentials() {
  credentials.reset();
  for (auto& hop : before) hop.forget_credentials();
}

Result<Proxy> parse_proxy(std::string_view url) {
  if (url.size() > kMaxUrl) return bad("the proxy's URL is longer than 2048 octets");
  if (url.find(kArrow) == url.npos) return parse_one(url);
  std::vector<Proxy> chain;
  for (;;) {
    const auto arrow = url.find(kArrow);
    auto one = parse_one(trimmed(url.substr(0, arrow), " "));
    // Its own words might repeat half of a password that has an arrow in it.
    if (!one) return bad("a proxy of the chain has an URL that cannot be read");
    if (chain.size() == kMostChained) return bad("a chain has at most three proxies");
    chain.push_back(*std::move(one));
    if (arrow == url.npos) break;
    url.remove_prefix(arrow + kArrow.size());
  }
  if (chain.size() > 1 && std::ranges::find(chain, ProxyKind::kFtp, &Proxy::kind) != chain.end())
    return bad("an FTP proxy cannot be part of a chain");
  auto proxy = std::move(chain.back());
  chain.pop_back();
  proxy.before = std::move(chain);
  return proxy;
}

}  // namespace culvert::carrier
