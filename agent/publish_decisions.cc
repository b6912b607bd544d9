#include "agent/publish_decisions.h"

#include "tunnel/base/text.h"

namespace culvert::agent {
namespace {

constexpr std::string_view kHead =
    "# Which programs may publish which ports (policy = \"ask\"): yes or no, uid, port, program.\n"
    "# Remove a line to be asked again; read when the agent starts.\n";

std::string_view take_word(std::string_view& line) {
  const auto space = line.find(' ');
  const auto word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

}  // namespace

std::optional<bool> PublishDecisions::find(const PublishWish& wish) const {
  const auto found = granted_.find(wish);
  return found == granted_.end() ? std::nullopt : std::optional(found->second);
}

void PublishDecisions::remember(const PublishWish& wish, bool granted) {
  const bool fits = wish.program.size() <= kMaxProgram && !wish.program.empty() &&
                    wish.program.find('\n') == std::string::npos;
  if (fits && (granted_.size() < kMost || granted_.contains(wish))) granted_[wish] = granted;
}

std::string PublishDecisions::snapshot() const {
  std::string text(kHead);
  for (const auto& [wish, granted] : granted_)
    text += std::string(granted ? "yes " : "no ") + std::to_string(wish.uid) + " " +
            std::to_string(wish.port) + " " + wish.program + "\n";
  return text;
}

Result<void> PublishDecisions::load(std::string_view text) {
  PublishDecisions loaded;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const auto answer = take_word(line);
    PublishWish wish;
    const bool numbers =
        parse_number(take_word(line), wish.uid) && parse_number(take_word(line), wish.port);
    wish.program = line;
    if ((answer != "yes" && answer != "no") || !numbers || wish.port == 0 || line.empty())
      return fail(ErrorCode::kBadInput, "line " + std::to_string(number) +
                                            " is not of the form 'yes 1000 8080 /usr/bin/node'");
    loaded.remember(wish, answer == "yes");
  }
  *this = std::move(loaded);
  return {};
}

}  // namespace culvert::agent
