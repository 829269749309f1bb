#include "nn/safetensors_header.h"

#include <nlohmann/json.hpp>
#include <set>

#include "nn/text.h"
#include "tensor/check.h"

namespace nn {
namespace {

using nlohmann::json;

template <class... Arguments>
[[noreturn]] void fail(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  throw tensor::Error(fmt::format(format, std::forward<Arguments>(arguments)...));
}

// A SAX parser, because a parsed document keeps only the last of two equal keys.
//
//   { "__metadata__": {key: string ...},  name: {"dtype": string, "shape": [..], "data_offsets": [begin, end]} ... }
//   depth 1                          2                                    depth 3
class HeaderEvents : public nlohmann::json_sax<json> {
 public:
  Header header;

  bool start_object(size_t) override {
    if (depth_ == 0) return enter();
    if (depth_ != 1) fail("expected {}, got an object", expected());
    in_metadata_ = key_ == "__metadata__";
    fields_.clear();
    if (!in_metadata_) header.entries.push_back({.name = key_, .dtype = {}, .shape = {}, .begin = 0, .end = 0});
    return enter();
  }
  bool end_object() override {
    --depth_;
    if (depth_ == 1 && !in_metadata_ && fields_.size() != 3)
      fail("tensor '{}' lacks one of dtype, shape, data_offsets", printable(header.entries.back().name));
    return true;
  }
  bool key(std::string& key) override {
    if (depth_ == 1 && !names_.insert(key).second) fail("the name '{}' occurs twice", printable(key));
    if (depth_ == 2 && !fields_.insert(key).second) fail("'{}' of '{}' occurs twice", printable(key), printable(key_));
    if (depth_ == 2 && !in_metadata_ && key != "dtype" && key != "shape" && key != "data_offsets")
      fail("tensor '{}' has the unknown field '{}'", printable(key_), printable(key));
    (depth_ == 1 ? key_ : field_) = key;
    return true;
  }
  bool start_array(size_t) override {
    if (depth_ != 2 || in_metadata_ || field_ == "dtype") fail("expected {}, got a list", expected());
    numbers_.clear();
    return enter();
  }
  bool end_array() override {
    --depth_;
    HeaderEntry& entry = header.entries.back();
    if (field_ == "shape") {
      entry.shape = numbers_;
    } else {
      if (numbers_.size() != 2) fail("data_offsets of tensor '{}' has {} numbers, expected 2", printable(key_), numbers_.size());
      entry.begin = numbers_[0];
      entry.end = numbers_[1];
    }
    return true;
  }
  bool string(std::string& value) override {
    if (depth_ == 2 && in_metadata_) {
      header.metadata[field_] = value;
    } else if (depth_ == 2 && field_ == "dtype") {
      header.entries.back().dtype = value;
    } else {
      fail("expected {}, got a string", expected());
    }
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (depth_ != 3) fail("expected {}, got a number", expected());
    numbers_.push_back(value);
    return true;
  }
  bool number_integer(number_integer_t value) override { fail("expected {}, got {}", expected(), value); }
  bool number_float(number_float_t, const string_t& text) override { fail("expected {}, got {}", expected(), printable(text)); }
  bool null() override { fail("expected {}, got null", expected()); }
  bool boolean(bool) override { fail("expected {}, got a boolean", expected()); }
  bool binary(binary_t&) override { fail("expected {}, got binary data", expected()); }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    fail("the header is not JSON at byte {}", position);
  }

 private:
  bool enter() {
    ++depth_;
    return true;
  }
  std::string expected() const {
    if (depth_ == 0) return "the header's object";
    if (depth_ == 1) return fmt::format("the object of '{}'", printable(key_));
    if (depth_ == 2)
      return fmt::format("a {} for '{}' of '{}'", in_metadata_ || field_ == "dtype" ? "string" : "list", printable(field_),
                         printable(key_));
    return fmt::format("a whole number >= 0 in '{}' of '{}'", printable(field_), printable(key_));
  }

  int depth_ = 0;
  bool in_metadata_ = false;
  std::string key_, field_;  // the current key at depth 1 and at depth 2
  std::set<std::string> names_, fields_;
  std::vector<uint64_t> numbers_;
};

std::string quoted(const std::string& text) {
  try {
    return json(text).dump(-1, ' ', false, json::error_handler_t::strict);
  } catch (const json::exception&) {
    fail("the name '{}' is not UTF-8 and cannot be written; rename it", printable(text));
  }
}

}  // namespace

Header parse_header(const std::string& text) {
  // nlohmann/json stops at a zero byte and ignores the rest of the text.
  if (const size_t zero = text.find('\0'); zero != std::string::npos) fail("the header is not JSON at byte {}", zero + 1);
  HeaderEvents events;
  json::sax_parse(text, &events);
  return std::move(events.header);
}

std::string format_header(const Header& header) {
  std::string text = "{";
  if (!header.metadata.empty()) {
    text += "\"__metadata__\":{";
    const char* comma = "";
    for (const auto& [key, value] : header.metadata) {
      text += fmt::format("{}{}:{}", comma, quoted(key), quoted(value));
      comma = ",";
    }
    text += "}";
  }
  for (const HeaderEntry& entry : header.entries) {
    if (text.size() > 1) text += ",";
    text += fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}", quoted(entry.name), entry.dtype,
                        joined(entry.shape, ","), entry.begin, entry.end);
  }
  text += "}";
  text.append(-text.size() % 8, ' ');
  return text;
}

namespace {

/// The items of a JSON list that all have the type Item.
template <class Item>
std::optional<std::vector<Item>> parse_list(const std::string& text, bool (json::*has_type)() const noexcept) {
  const json list = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return std::nullopt;
  std::vector<Item> items;
  for (const json& item : list) {
    if (!(item.*has_type)()) return std::nullopt;
    items.push_back(item.get<Item>());
  }
  return items;
}

}  // namespace

std::optional<std::vector<std::string>> parse_strings(const std::string& text) { return parse_list<std::string>(text, &json::is_string); }
std::optional<std::vector<double>> parse_numbers(const std::string& text) { return parse_list<double>(text, &json::is_number); }

std::string format_strings(const std::vector<std::string>& strings) {
  return json(strings).dump(-1, ' ', false, json::error_handler_t::replace);
}
std::string format_numbers(const std::vector<double>& numbers) { return json(numbers).dump(); }

}  // namespace nn
