"""Makes philox.csv: words of Philox4x64-10 as NumPy draws them, nothing of ours imported.

    python3 philox.py > philox.csv

Columns: counter (4 words), key (2 words), the four words drawn. NumPy counts up before it draws, so its counter is set one lower.
"""

import numpy as np

TOP = 2**64 - 1
print("counter0,counter1,counter2,counter3,key0,key1,word0,word1,word2,word3")
cases = [((1, 0, 0, 0), (0, 0)), ((TOP, TOP, TOP, TOP), (TOP, TOP)), ((5, 1, 0, 0), (20260621, 0)), ((99_999, 2, 0, 0), (1, 0))]
rng = np.random.default_rng(3)
cases += [(tuple(int(w) for w in rng.integers(1, TOP, 4, dtype=np.uint64)), tuple(int(w) for w in rng.integers(0, TOP, 2, dtype=np.uint64)))
          for _ in range(6)]
for counter, key in cases:
    before = (counter[0] - 1,) + counter[1:]
    words = np.random.Philox(counter=np.array(before, np.uint64), key=np.array(key, np.uint64)).random_raw(4)
    print(",".join(str(int(w)) for w in (*counter, *key, *words)))
