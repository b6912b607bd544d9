#include "tunnel/carrier/http_challenge.h"

#include <algorithm>

#include "tunnel/base/text.h"

namespace culvert::carrier {
namespace {

constexpr std::size_t kMostChallenges = 16, kMostParameters = 32;

bool is_token(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool done() const { return text_.empty(); }
  void skip(std::string_view octets) {
    text_.remove_prefix(std::min(text_.find_first_not_of(octets), text_.size()));
  }
  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::string token() {
    const auto end = std::ranges::find_if_not(text_, is_token) - text_.begin();
    std::string out(text_.substr(0, static_cast<std::size_t>(end)));
    text_.remove_prefix(out.size());
    return out;
  }
  std::string value() {
    if (!take('"')) return token();
    std::string out;
    while (!text_.empty() && !take('"')) {
      take('\\');
      if (text_.empty()) break;
      out += text_.front();
      text_.remove_prefix(1);
    }
    return out;
  }
  // Up to the next comma or space; its padding "=" makes it no parameter.
  std::string token68() {
    std::string out(text_.substr(0, text_.find_first_of(", \t")));
    text_.remove_prefix(out.size());
    return out;
  }
  bool next_is_parameter() const {  // token BWS "=" BWS value
    auto rest = text_;
    rest.remove_prefix(
        static_cast<std::size_t>(std::ranges::find_if_not(rest, is_token) - rest.begin()));
    if (rest.size() == text_.size()) return false;
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    if (!rest.starts_with('=')) return false;
    rest.remove_prefix(1);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    return !rest.empty() && rest.front() != '=' && rest.front() != ',';
  }

 private:
  std::string_view text_;
};

std::string lowered(std::string text) {
  std::ranges::transform(text, text.begin(), ascii_lower);
  return text;
}

void read_field(std::string_view field, std::vector<HttpChallenge>& out) {
  Scanner scanner(field);
  for (;;) {
    scanner.skip(", \t");
    if (scanner.done()) return;
    if (scanner.next_is_parameter() && !out.empty()) {
      auto name = lowered(scanner.token());
      scanner.skip(" \t");
      scanner.take('=');
      scanner.skip(" \t");
      auto value = scanner.value();
      auto& parameters = out.back().parameters;
      if (parameters.size() < kMostParameters)
        parameters.push_back({std::move(name), std::move(value)});
      continue;
    }
    HttpChallenge challenge;
    challenge.scheme = lowered(scanner.token());
    if (challenge.scheme.empty() || out.size() == kMostChallenges) return;
    scanner.skip(" \t");
    if (!scanner.next_is_parameter()) challenge.token68 = scanner.token68();
    out.push_back(std::move(challenge));
  }
}

}  // namespace

std::string_view HttpChallenge::get(std::string_view name) const {
  const auto found = std::ranges::find(parameters, name, &Parameter::name);
  return found == parameters.end() ? std::string_view{} : std::string_view(found->value);
}

std::vector<HttpChallenge> parse_challenges(const std::vector<std::string_view>& fields) {
  std::vector<HttpChallenge> out;
  for (const auto field : fields) read_field(field, out);
  return out;
}

}  // namespace culvert::carrier
