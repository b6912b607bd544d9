// tunnel/carrier/http_challenge.h: Proxy-Authenticate fields as values (RFC 9110 section 11.3).
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace culvert::carrier {

struct HttpChallenge {
  std::string scheme;   // lower case
  std::string token68;  // NTLM, Negotiate: what the server says next; else empty
  struct Parameter {
    std::string name;  // lower case
    std::string value;
  };
  std::vector<Parameter> parameters;

  std::string_view get(std::string_view name) const;  // empty: it is not there
};

// One field may hold several. What cannot be understood is left out: another scheme may do.
// At most 16 challenges of 32 parameters.
std::vector<HttpChallenge> parse_challenges(const std::vector<std::string_view>& fields);

}  // namespace culvert::carrier
