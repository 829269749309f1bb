// Lists of images as in OpenOOD: a line is a path and a label, or a path alone.

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "nn/data/readers.h"
#include "nn/files.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace nn {
namespace {

constexpr int64_t max_classes = 100'000;  // class numbers may have gaps, but every class gets a name
constexpr size_t max_line_bytes = 8000;

struct Line {
  std::string path, label;  // label: empty if there is none
  int64_t number;
};

// The last field is the label unless it has the extension of an image. Spaces, tabs and commas separate fields.
Line parse_line(const std::string& text, int64_t number) {
  const size_t gap = text.find_last_of(" \t,");
  if (gap == std::string::npos || has_image_extension(text.substr(gap + 1))) return {text, "", number};
  const size_t end = text.find_last_not_of(" \t,", gap);
  return {text.substr(0, end == std::string::npos ? 0 : end + 1), text.substr(gap + 1), number};
}

bool is_number(const std::string& text, int64_t& value) {
  const char* end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, value);
  return fault == std::errc() && stop == end;
}

class ListReader {
 public:
  explicit ListReader(const std::string& path) : path_(path) {
    if (!is_file(path)) throw tensor::Error(fmt::format("list: no file '{}'; check the path", printable(path)));
    const std::vector<std::string> lines = read_lines(path);
    for (size_t no = 0; no < lines.size(); ++no) {
      const auto number = static_cast<int64_t>(no) + 1;
      const std::string& line = lines[no];
      if (line.size() > max_line_bytes || line.find('\0') != std::string::npos)
        fail(number, line.size() > max_line_bytes ? fmt::format("a line of {} bytes, expected at most {}", line.size(), max_line_bytes)
                                                  : "a zero byte, expected text");
      const size_t begin = line.find_first_not_of(" \t");
      if (begin == std::string::npos || line[begin] == '#') continue;
      lines_.push_back(parse_line(line.substr(begin, line.find_last_not_of(" \t") + 1 - begin), number));
      if (lines_.back().path.empty()) fail(number, fmt::format("'{}' has no path; add one or remove the line", printable(line)));
    }
    if (lines_.empty()) throw tensor::Error(fmt::format("list {} names no images; add lines 'path label'", printable(path)));
  }

  /// Labels are all numbers (classes 0 .. largest; -1: unlabeled) or all names (classes in alphabetical order).
  ImageFiles read_labels() const {
    ImageFiles files;
    const Line *with_number = nullptr, *with_name = nullptr;
    int64_t classes = 0;
    std::set<std::string> names;
    for (const Line& line : lines_) {
      int64_t label = -1;
      if (!line.label.empty() && !is_number(line.label, label)) {
        names.insert(line.label);
        if (with_name == nullptr) with_name = &line;
      } else if (label < -1 || label >= max_classes) {
        fail(line.number, fmt::format("label {}, expected -1 (unlabeled) to {}", label, max_classes - 1));
      } else if (label >= 0) {
        classes = std::max(classes, label + 1);
        if (with_number == nullptr) with_number = &line;
      }
      if (with_name != nullptr && with_number != nullptr)
        fail(line.number, fmt::format("label '{}', but line {} has {}: use either numbers or names", printable(line.label),
                                      line.number == with_name->number ? with_number->number : with_name->number,
                                      line.number == with_name->number ? "a number" : "a name"));
      files.entries.push_back({line.path, label, line.number});
    }
    if (with_name != nullptr)
      for (size_t no = 0; no < lines_.size(); ++no)
        if (const auto found = names.find(lines_[no].label); found != names.end())
          files.entries[no].label = std::distance(names.begin(), found);
    for (const std::string& name : names) files.class_names.push_back(escaped(name));
    for (int64_t label = 0; label < classes; ++label) files.class_names.push_back(std::to_string(label));
    return files;
  }

  [[noreturn]] void fail(int64_t line, const std::string& fault) const {
    throw tensor::Error(fmt::format("{}:{}: {}", printable(path_), line, fault));
  }

 private:
  std::string path_;
  std::vector<Line> lines_;
};

}  // namespace

std::unique_ptr<Dataset> open_list(const DataSpec& spec, const Framing& framing) {
  const DataOptions options(spec, {"root", "limit", "seed", "cache"});
  const ListReader list(spec.location);
  ImageFiles files = list.read_labels();
  files.spec = spec.kind + ":" + spec.location;
  const std::string folder = std::filesystem::path(spec.location).parent_path().string();
  files.root = options.has("root") ? options.text("root") : folder.empty() ? "." : folder;
  if (!is_folder(files.root))
    throw tensor::Error(fmt::format("list {}: no such folder '{}'; set root=DIR", printable(spec.location), printable(files.root)));
  files.limit(options, Order::mixed);
  for (const ImageFiles::Entry& entry : files.entries) {
    const std::string path = (std::filesystem::path(files.root) / entry.name).string();
    if (!is_file(path))
      list.fail(entry.line, fmt::format("no file {}; paths are relative to {}, or to root=DIR", printable(path), printable(files.root)));
    try {
      if (!is_image_file(path))
        throw tensor::Error(fmt::format("the first bytes of {} are neither PNG nor JPEG; convert the file", printable(path)));
    } catch (const tensor::Error& error) {
      list.fail(entry.line, error.what());
    }
  }
  return open_image_files(std::move(files), options, framing);
}

}  // namespace nn
