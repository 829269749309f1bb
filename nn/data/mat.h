#pragma once
// The numeric arrays of a MATLAB Level 5 MAT-file (MathWorks, "MAT-File Format"), plain or compressed, little-endian. Written for files
// that nobody vouches for: every size is held against the bytes that are there before anything is allocated, and a damaged file is one
// Error that names it. MAT 7.3 (HDF5), Level 4, big-endian files and complex arrays are refused by name.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nn {

class MatFile {
 public:
  /// Reads the file whole (at most 2 GiB) and the header of every array in it.
  explicit MatFile(const std::string& path);
  ~MatFile();
  MatFile(const MatFile&) = delete;

  /// Column-major: the first axis is the fastest. An Error where there is no such array, or it is not of real numbers.
  const std::vector<int64_t>& shape(const std::string& name) const;
  /// All its elements, whatever numbers they are stored as.
  std::vector<double> numbers(const std::string& name) const;
  /// The elements of an array of class uint8 in pieces of `piece`, which must divide their number, each into `to` before visit(no) is
  /// called.
  template <class Visit>
  void each_piece(const std::string& name, uint8_t* to, int64_t piece, const Visit& visit) const {
    Bytes bytes(*this, name);
    for (int64_t no = 0; no < bytes.count() / piece; ++no) {
      bytes.read(to, piece);
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
