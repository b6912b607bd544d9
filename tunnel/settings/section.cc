#include "tunnel/settings/section.h"

#include <algorithm>
#include <filesystem>

#include "tunnel/base/nearest_word.h"

namespace culvert::settings {
namespace {

std::string placed(const std::string& file, const toml::source_position& at,
                   const std::string& what) {
  return file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " + what;
}

std::string in_quotes(std::string_view word) { return "\"" + std::string(word) + "\""; }

std::string joined(const std::vector<std::string_view>& words) {
  std::string out;
  for (const auto word : words) out += (out.empty() ? "" : ", ") + std::string(word);
  return out;
}

}  // namespace

Result<void> read_document(std::string_view text, const std::string& file, Wording wording,
                           const std::function<void(Section&)>& read) {
  try {
    const auto table = toml::parse(text, file);
    Section::Document document{file, wording, {}};
    Section root(table, "", document);
    read(root);
    root.finish();
    if (document.failure) return fail(*document.failure);
    return {};
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::kBadInput, placed(file, error.source().begin,
                                             "not TOML: " + std::string(error.description())));
  }
}

const toml::node* Section::find(std::string_view key) {
  known_.push_back(key);
  return document_.failure ? nullptr : table_.get(key);
}

std::string Section::title(std::string_view key) const {
  return name_.empty() ? std::string(key) : name_ + "." + std::string(key);
}

void Section::fail(const toml::source_region& at, const std::string& what) {
  if (!document_.failure)
    document_.failure = Error{ErrorCode::kBadInput, placed(document_.file, at.begin, what)};
}

void Section::reject(const toml::node& at, std::string_view key, const std::string& must) {
  fail(at, title(key) + (document_.wording == Wording::kColon ? ": " : " ") + must);
}

std::optional<std::string> Section::text(const toml::node& node, std::string_view key) {
  auto value = node.value_exact<std::string>();
  if (!value) reject(node, key, "must be a text in quotes");
  return value;
}

std::optional<std::int64_t> Section::whole(const toml::node& node, std::string_view key,
                                           const char* kind, std::int64_t smallest,
                                           std::int64_t largest) {
  const auto value = node.value_exact<std::int64_t>();
  if (value && *value >= smallest && *value <= largest) return value;
  reject(node, key,
         "must be a " + std::string(kind) + " number from " + std::to_string(smallest) + " to " +
             std::to_string(largest));
  return std::nullopt;
}

std::optional<std::uint16_t> Section::port(const toml::node& node, std::string_view key) {
  const auto value = whole(node, key, "port", 1, 65535);
  if (!value) return std::nullopt;
  return static_cast<std::uint16_t>(*value);
}

bool Section::port(std::string_view key, std::uint16_t& out) {
  const auto* node = find(key);
  const auto value = node == nullptr ? std::nullopt : port(*node, key);
  if (value) out = *value;
  return value.has_value();
}

void Section::flag(std::string_view key, bool& out) {
  const auto* node = find(key);
  if (node == nullptr) return;
  const auto value = node->value_exact<bool>();
  if (!value) return reject(*node, key, "must be true or false");
  out = *value;
}

void Section::log_level(std::string_view key, log::Level& out) {
  const auto* node = find(key);
  if (node == nullptr) return;
  const auto value = text(*node, key);
  if (value && !log::parse_level(*value, out))
    reject(*node, key, "must be debug, info, warning or error, not " + in_quotes(*value));
}

void Section::path(std::string_view key, std::string& out, std::optional<std::string_view> home) {
  const auto* node = find(key);
  if (node == nullptr) return;
  const auto value = text(*node, key);
  if (!value) return;
  if (value->empty()) return reject(*node, key, "is empty; name a file or directory");
  if (home && value->rfind("~/", 0) == 0) {
    out = std::string(*home) + value->substr(1);
    return;
  }
  const auto directory = std::filesystem::absolute(document_.file).parent_path();
  out = (directory / *value).lexically_normal().string();
}

void Section::table(std::string_view key, const std::function<void(Section&)>& read) {
  const auto* node = find(key);
  if (node == nullptr) return;
  if (const auto* sub = node->as_table()) return enter(*sub, key, read);
  fail(*node, "write [" + std::string(key) + "] as a table of its own");
}

void Section::tables(std::string_view key, const std::function<void(Section&)>& read) {
  const auto* node = find(key);
  if (node == nullptr) return;
  const auto brackets = "[[" + std::string(key) + "]]";
  const auto* array = node->as_array();
  if (array == nullptr)
    return fail(*node, "write " + brackets + ", with two brackets: there may be many");
  for (const auto& element : *array) {
    const auto* sub = element.as_table();
    if (sub == nullptr) return fail(element, "write " + brackets + " as tables");
    enter(*sub, key, read);
  }
}

void Section::enter(const toml::table& table, std::string_view key,
                    const std::function<void(Section&)>& read) {
  if (document_.failure) return;
  Section section(table, title(key), document_);
  read(section);
  section.finish();
}

void Section::finish() {
  for (const auto& [key, node] : table_) {
    const std::string_view word = key.str();
    if (std::find(known_.begin(), known_.end(), word) != known_.end()) continue;
    const bool apart = document_.wording == Wording::kColon;  // the table is named once, apart
    const auto name = [&](std::string_view of) { return in_quotes(apart ? of : title(of)); };
    const auto near = nearest_word(word, known_);
    return fail(key.source(), "unknown key " + name(word) +
                                  (apart && !name_.empty() ? " in [" + name_ + "]" : "") +
                                  (near.empty() ? "; known are " + joined(known_)
                                                : "; did you mean " + name(near) + "?"));
  }
}

}  // namespace culvert::settings
