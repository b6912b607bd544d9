// tunnel/carrier/proxy.h: a proxy as people name it, and who is known to it.
//
// A value: opens nothing, resolves nothing. Credentials are in no text that this makes, neither
// to_string() nor any error.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tunnel/base/address.h"

namespace culvert::carrier {

enum class ProxyKind : std::uint8_t { kHttp, kHttps, kSocks4, kSocks4a, kSocks5, kFtp };
std::string_view to_string(ProxyKind kind);  // the scheme of its URL: "http", "https" ...

struct ProxyCredentials {
  std::string domain;  // NTLM's, from "DOMAIN\user"; empty: none
  std::string user;    // may be user@REALM
  std::string password;

  // The user as Basic, Digest and SOCKS name him: with the domain if there is one.
  std::string login() const { return domain.empty() ? user : domain + "\\" + user; }

  ProxyCredentials() = default;
  ProxyCredentials(std::string in_domain, std::string of_user, std::string his_password);
  ProxyCredentials(const ProxyCredentials&) = default;
  ProxyCredentials(ProxyCredentials&&) noexcept = default;
  ProxyCredentials& operator=(const ProxyCredentials&) = default;
  ProxyCredentials& operator=(ProxyCredentials&&) noexcept = default;
  ~ProxyCredentials();  // wipes the password
  bool operator==(const ProxyCredentials&) const = default;
};

struct Proxy {
  ProxyKind kind = ProxyKind::kHttp;
  HostPort at;
  std::optional<ProxyCredentials> credentials;
  std::string source;    // who named it, for people: "agent.toml", "http_proxy"
  bool trusted = false;  // named by the user or the admin: only then is it sent credentials
  bool passing = false;  // named by one user of several: it is not remembered
  // A chain: these lead to it, each reached through the one before. `source` and `trusted` of the
  // last proxy hold for all; these have no proxies before them.
  std::vector<Proxy> before;

  const HostPort& first_hop() const { return before.empty() ? at : before.front().at; }
  std::string to_string() const;  // "http://proxy.example.net:3128", "http://a:1 -> http://b:2"
  bool is_same_place(const Proxy& other) const;
  bool has_credentials() const;  // any of the chain
  void forget_credentials();
};

inline constexpr std::size_t kMostChained = 3;  // proxies, the last one included

// "http://user:password@host:port", https, socks4, socks4a, socks5 (also socks5h, socks), ftp;
// without a scheme: http. User and password are percent-decoded, an IPv6 address stands in
// brackets, and nothing but "/" may follow. Without a port: 80, 443, 1080 or 21. Several with " ->
// " between them are a chain, of which FTP proxies are no part. kBadInput says what is wrong
// without repeating the credentials.
Result<Proxy> parse_proxy(std::string_view url);

}  // namespace culvert::carrier
