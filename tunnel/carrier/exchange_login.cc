#include "tunnel/carrier/exchange_login.h"

#include <sodium.h>

namespace culvert::carrier {
namespace {

std::string to_base64(std::string_view text) {  // RFC 4648 section 4, with padding
  std::string out(sodium_base64_encoded_len(text.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(out.data(), out.size(), as_u8(as_bytes(text)), text.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  out.pop_back();  // the NUL
  return out;
}

bool asks_for_basic(const exchange::HttpField& field) {
  if (field.name != "proxy-authenticate" || field.value.size() < 5) return false;
  const auto scheme = std::string_view(field.value).substr(0, 5);
  return (scheme == "Basic" || scheme == "basic" || scheme == "BASIC") &&
         (field.value.size() == 5 || field.value[5] == ' ');
}

class BasicLogin final : public exchange::Authorizer {
 public:
  explicit BasicLogin(const ProxyCredentials& credentials) : credentials_(credentials) {}

  std::string fields_for(std::string_view, std::string_view) override {
    if (!asked_) return {};
    return "Proxy-Authorization: Basic " +
           to_base64(credentials_.login() + ":" + credentials_.password) + "\r\n";
  }
  // The first requests go out together, so more than one may be asked; all are told the same.
  bool challenged(const exchange::ResponseHead& head) override {
    constexpr int kMaxChallenges = 4;
    for (const auto& field : head.fields)
      if (asks_for_basic(field)) return asked_ = true, ++challenges_ <= kMaxChallenges;
    return false;
  }

 private:
  ProxyCredentials credentials_;
  bool asked_ = false;
  int challenges_ = 0;
};

}  // namespace

std::shared_ptr<exchange::Authorizer> make_exchange_login(const Proxy& proxy) {
  if (!proxy.trusted || !proxy.credentials) return nullptr;
  return std::make_shared<BasicLogin>(*proxy.credentials);
}

}  // namespace culvert::carrier
