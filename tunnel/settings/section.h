// tunnel/settings/section.h: one table of a configuration file. Hands out its values, and in the
// end complains about keys that nobody asked for, with the nearest known one.
//
// Knows no key of any program, and opens no file. A value is written to `out` or given to `take`
// only if it is there and good; otherwise the default stays. The first failure is kept and the
// later ones, often its consequences, are dropped, so callers check once: read_document() returns
// it as kBadInput, "file:line:column: what is wrong; what to do". Keys must outlive the Section
// (they are literals). Includes toml++, 0.9 s of parsing: for the one config_toml.cc of each
// program.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tunnel/base/log.h"
#include "tunnel/base/result.h"
#include "tunnel/settings/toml_library.h"

namespace culvert::settings {

// How a complaint names the key it is about.
enum class Wording {
  kSentence,  // publish.ports must be ...; unknown key "publish.prots"
  kColon,     // limits.sessions: must be ...; unknown key "sesions" in [limits]
};

class Section;

// Reads all of `text` with `read`, which is given the root; `file` is for messages, and relative
// paths are taken from its directory.
Result<void> read_document(std::string_view text, const std::string& file, Wording wording,
                           const std::function<void(Section&)>& read);

class Section {
 public:
  struct Document {
    const std::string& file;
    Wording wording;
    std::optional<Error> failure;
  };
  Section(const toml::table& table, std::string name, Document& document)
      : table_(table), name_(std::move(name)), document_(document) {}

  // Makes the key known; nullptr if it is absent, or if something has failed before.
  const toml::node* find(std::string_view key);
  const toml::table& here() const { return table_; }
  std::string title(std::string_view key) const;  // "publish.ports"

  void fail(const toml::source_region& at, const std::string& what);  // `what` is all of it
  void fail(const toml::node& at, const std::string& what) { fail(at.source(), what); }
  void reject(const toml::node& at, std::string_view key, const std::string& must);

  std::optional<std::string> text(const toml::node& node, std::string_view key);
  std::optional<std::uint16_t> port(const toml::node& node, std::string_view key);
  bool port(std::string_view key, std::uint16_t& out);
  void flag(std::string_view key, bool& out);
  void log_level(std::string_view key, log::Level& out);
  // With `home`, a leading "~/" stands for it.
  void path(std::string_view key, std::string& out, std::optional<std::string_view> home = {});

  // `take(text)` answers with a Result<void>, whose failure gets the key's title and place.
  template <class Take>
  void take_text(const toml::node& node, std::string_view key, Take take) {
    const auto value = text(node, key);
    if (!value) return;
    if (const auto taken = take(*value); !taken)
      fail(node, title(key) + ": " + taken.error().detail);
  }
  template <class Take>
  void text(std::string_view key, Take take) {
    if (const auto* node = find(key)) take_text(*node, key, take);
  }
  template <class Take>
  void number(std::string_view key, std::int64_t smallest, std::int64_t largest, Take take) {
    const auto* node = find(key);
    if (node == nullptr) return;
    if (const auto value = whole(*node, key, "whole", smallest, largest)) take(*value);
  }
  // Calls `each(node)` for the elements of an array.
  template <class Each>
  void list(std::string_view key, const std::string& of_what, Each each) {
    const auto* node = find(key);
    if (node == nullptr) return;
    const auto* array = node->as_array();
    if (array == nullptr) return reject(*node, key, "must be a list of " + of_what);
    for (const auto& element : *array) each(element);
  }
  template <class Take>
  void texts(std::string_view key, const std::string& of_what, Take take) {
    list(key, of_what, [&](const toml::node& element) { take_text(element, key, take); });
  }
  void table(std::string_view key, const std::function<void(Section&)>& read);   // [key]
  void tables(std::string_view key, const std::function<void(Section&)>& read);  // [[key]]

  void finish();  // the complaint about unknown keys

 private:
  std::optional<std::int64_t> whole(const toml::node& node, std::string_view key, const char* kind,
                                    std::int64_t smallest, std::int64_t largest);
  void enter(const toml::table& table, std::string_view key,
             const std::function<void(Section&)>& read);

  const toml::table& table_;
  std::string name_;
  Document& document_;
  std::vector<std::string_view> known_;
};

}  // namespace culvert::settings
