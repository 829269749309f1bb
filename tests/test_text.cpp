#include "nn/text.h"

#include <gtest/gtest.h>

namespace nn {
namespace {

TEST(Text, EscapedKeepsUtf8AndEscapesOtherBytes) {
  EXPECT_EQ(escaped("plain"), "plain");
  EXPECT_EQ(escaped("caf\xc3\xa9 \xe6\x9c\xa8 \xf0\x9f\x8c\xb3"), "caf\xc3\xa9 \xe6\x9c\xa8 \xf0\x9f\x8c\xb3");
  EXPECT_EQ(escaped("caf\xe9"), "caf\\xe9");                       // Latin-1
  EXPECT_EQ(escaped("\xc3"), "\\xc3");                             // truncated
  EXPECT_EQ(escaped("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(escaped("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");           // overlong
  EXPECT_EQ(escaped("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(escaped("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond the last code point
  EXPECT_EQ(escaped("two\nlines\x7f"), "two\\x0alines\\x7f");
}

TEST(Text, PrintableIsTruncatedBetweenCharacters) {
  std::string name;
  for (int i = 0; i < 30; ++i) name += "\xe6\x9c\xa8";  // 90 bytes
  const std::string text = printable(name);
  EXPECT_EQ(text.substr(text.size() - 3), "...");
  EXPECT_EQ(escaped(text), text) << "no character is split";
  EXPECT_EQ(escaped(name), name) << "escaped() does not truncate";
}

}  // namespace
}  // namespace nn
