#pragma once
// Reads the numeric arrays of a MATLAB Level 5 MAT-file (MathWorks, "MAT-File Format"), plain or compressed, little-endian.
// Files are not trusted: every size is compared with the available bytes before memory is allocated. A damaged file is an Error that names
// it. MAT 7.3 (HDF5), Level 4, big-endian files and complex arrays are not supported; the Error says so.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nn {

class MatFile {
 public:
  /// Reads the file (at most 2 GiB) and parses the header of every array.
  explicit MatFile(const std::string& path);
  ~MatFile();
  MatFile(const MatFile&) = delete;

  /// Column-major: the first axis varies fastest. A missing array, or one that does not hold real numbers, is an Error.
  const std::vector<int64_t>& shape(const std::string& name) const;
  /// All elements, converted from their stored type.
  std::vector<double> numbers(const std::string& name) const;
  /// Reads an array of class uint8 in chunks of `chunk` elements, which must divide their number: copies each to `to`, then calls visit(no).
  template <class Visit>
  void for_each_chunk(const std::string& name, uint8_t* to, int64_t chunk, const Visit& visit) const {
    Bytes bytes(*this, name);
    for (int64_t no = 0; no < bytes.count() / chunk; ++no) {
      bytes.read(to, chunk);
      visit(no);
    }
    bytes.finish();
  }

 private:
  struct Array;
  class Source;
  class Bytes {
   public:
    Bytes(const MatFile& file, const std::string& name);
    ~Bytes();
    int64_t count() const;
    void read(uint8_t* to, int64_t count);
    void finish();

   private:
    const MatFile& file_;
    const Array& array_;
    std::unique_ptr<Source> source_;
  };

  [[noreturn]] void fail(const std::string& fault) const;
  const Array& find(const std::string& name) const;
  std::unique_ptr<Source> open(const Array& array) const;
  Array read_header(Source& source) const;

  std::string path_;
  std::vector<uint8_t> bytes_;
  std::vector<Array> arrays_;
};

}  // namespace nn
